// Runs a WebAssembly program that asks for WASI, with the arguments behind its name.
import { readFile } from "node:fs/promises";
import process, { argv } from "node:process";
import { tmpdir } from "node:os";
import { WASI } from "node:wasi";

const args = argv.slice(2);
const wasi = new WASI({ version: "preview1", args, preopens: { "/tmp": tmpdir() }, returnOnExit: true });
const program = await WebAssembly.compile(await readFile(args[0]));
const instance = await WebAssembly.instantiate(program, wasi.getImportObject());
// It ends by itself: to exit here takes down Node 20 with a fault of its own, behind a program that took much memory.
process.exitCode = wasi.start(instance);
