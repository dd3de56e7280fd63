// Checks, in the browser, that an event is under a root: RFC 6962 with SHA-256.

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
export const fromBase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

async function sha256(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all));
}

const node = (left, right) => sha256(Uint8Array.of(1), left, right);

/** Returns the root that an entry and its hashes lead to, and each step on the way. */
export async function rootOf(proof) {
  const leaf = await sha256(Uint8Array.of(0), Uint8Array.from(proof.entry));
  let at = BigInt(proof.index);
  let last = BigInt(proof.size) - 1n;
  let hash = leaf;
  const steps = [];
  for (const text of proof.hashes) {
    const other = fromBase64(text);
    if (last === 0n) throw new Error("the proof has too many hashes");
    const isRight = (at & 1n) === 1n || at === last;
    hash = isRight ? await node(other, hash) : await node(hash, other);
    if (isRight) {
      while ((at & 1n) === 0n && at !== 0n) {
        at >>= 1n;
        last >>= 1n;
      }
    }
    steps.push({ other: hex(other), side: isRight ? "left" : "right", hash: hex(hash) });
    at >>= 1n;
    last >>= 1n;
  }
  if (last !== 0n) throw new Error("the proof has too few hashes");
  return { leaf: hex(leaf), root: hex(hash), steps };
}

/** Checks a proof against a root in hexadecimal; returns what was found, in words. */
export async function check(proof, root) {
  const found = await rootOf(proof);
  return { ...found, isRight: found.leaf === proof.leaf && found.root === root };
}
