// Verify checks a folder of tiles and .tlog-proof files with golang.org/x/mod: note, root, every tile, and each proof. The
// root and the tiles are computed from the entries; tlog.TileHashReader does not compare the first full tiles with anything.
//
//	verify VKEY FOLDER [PROOF...]
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type computed []tlog.Hash

func (c computed) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hashes[i] = c[index]
	}
	return hashes, nil
}

func check(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func refuse(what string) {
	check(fmt.Errorf("refused"), what)
}

func read(path string) []byte {
	data, err := os.ReadFile(path)
	check(err, "read")
	return data
}

// checkpoint returns size and root of a checkpoint that the key signed.
func checkpoint(text []byte, vkey string) (int64, tlog.Hash) {
	verifier, err := note.NewVerifier(vkey)
	check(err, "key")
	opened, err := note.Open(text, note.VerifierList(verifier))
	check(err, "note")
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		refuse("origin")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err, "size")
	root, err := tlog.ParseHash(lines[2])
	check(err, "root")
	return size, root
}

// tiles returns the tiles of a tree; tlog.NewTiles also names each narrower form of a partial one.
func tiles(size int64) []tlog.Tile {
	var tiles []tlog.Tile
	for level := 0; size>>(height*level) > 0; level++ {
		count := size >> (height * level)
		for n := int64(0); n<<height < count; n++ {
			width := count - n<<height
			if width > 1<<height {
				width = 1 << height
			}
			tiles = append(tiles, tlog.Tile{H: height, L: level, N: n, W: int(width)})
		}
	}
	return tiles
}

func checkFolder(folder, vkey string) int64 {
	size, root := checkpoint(read(filepath.Join(folder, "checkpoint")), vkey)
	var hashes computed
	var count int64
	for _, tile := range tiles(size) {
		if tile.L != 0 {
			continue
		}
		path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
		for rest := read(filepath.Join(folder, path)); len(rest) > 0; count++ {
			length := int(binary.BigEndian.Uint16(rest))
			stored, err := tlog.StoredHashes(count, rest[2:2+length], hashes)
			check(err, "entry")
			hashes, rest = append(hashes, stored...), rest[2+length:]
		}
	}
	found, err := tlog.TreeHash(size, hashes)
	check(err, "root")
	if count != size || found != root {
		refuse("the entries do not lead to the root")
	}
	for _, tile := range tiles(size) {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		expected, err := tlog.ReadTileData(tile, hashes)
		check(err, path)
		if !bytes.Equal(expected, read(filepath.Join(folder, path))) {
			refuse(path)
		}
	}
	return size
}

func checkProof(path, vkey string) {
	head, signed, _ := strings.Cut(string(read(path)), "\n\n")
	lines := strings.Split(head, "\n")
	if len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		refuse(path)
	}
	shown, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	check(err, "extra")
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	check(err, "index")
	// What is shown of an event is its form and, in form 0, the entry.
	if len(shown) != 137 || shown[0] != 0 || int64(binary.LittleEndian.Uint64(shown[1:])) != index+1 {
		refuse(path)
	}
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		check(err, "hash")
		proof = append(proof, hash)
	}
	size, root := checkpoint([]byte(signed), vkey)
	check(tlog.CheckRecord(proof, size, root, index, tlog.RecordHash(shown[1:])), path)
}

func main() {
	vkey := strings.TrimSpace(os.Args[1])
	size := checkFolder(os.Args[2], vkey)
	for _, path := range os.Args[3:] {
		checkProof(path, vkey)
	}
	fmt.Printf("accepted: %d entries, all tiles, %d proofs\n", size, len(os.Args[3:]))
}
