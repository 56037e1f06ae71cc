/** Ways in which a database file, or what stands beside or in place of it, may be broken. */
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import type { Chance } from "../support/fault-rounds.ts";
import { pick, whole } from "./row.ts";

const PAGE_BYTES = 4096;

/** Changes the bytes of a file. */
function edit(path: string, change: (bytes: Buffer) => void): void {
  const bytes = readFileSync(path);
  change(bytes);
  writeFileSync(path, bytes);
}

function junk(dice: Chance, size: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, () => whole(dice, 256)));
}

function flipBits(bytes: Buffer, dice: Chance, from = 0): void {
  for (let flip = 1 + whole(dice, 8); flip > 0; flip--) {
    const at = from + whole(dice, bytes.length - from);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << whole(dice, 8)), at);
  }
}

/** Each changes a folder with `usage.db`, its `usage.db-wal`, and `safe.db`, a backup. */
export const DAMAGES: Readonly<Record<string, (folder: string, dice: Chance) => void>> = {
  "flipped bits": (folder, dice) => edit(`${folder}/usage.db`, (bytes) => flipBits(bytes, dice)),
  "flipped bits of the schema": (folder, dice) =>
    edit(`${folder}/usage.db`, (bytes) => flipBits(bytes.subarray(0, 2 * PAGE_BYTES), dice)),
  "flipped bits of the header": (folder, dice) =>
    edit(`${folder}/usage.db`, (bytes) => flipBits(bytes.subarray(0, 100), dice)),
  "a wrong header": (folder, dice) =>
    edit(`${folder}/usage.db`, (bytes) => {
      const at = pick(dice, [0, 16, 18, 19, 20, 24, 28, 32, 36, 44, 52, 56, 60, 68, 92]);
      junk(dice, 4).copy(bytes, at);
    }),
  "a zeroed page": (folder, dice) =>
    edit(`${folder}/usage.db`, (bytes) => {
      const page = whole(dice, bytes.length / PAGE_BYTES);
      bytes.fill(0, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
    }),
  "pages in each other's place": (folder, dice) =>
    edit(`${folder}/usage.db`, (bytes) => {
      const [one, other] = [0, 0].map(() => PAGE_BYTES * whole(dice, bytes.length / PAGE_BYTES));
      const page = Buffer.from(bytes.subarray(one, (one ?? 0) + PAGE_BYTES));
      bytes.copy(bytes, one, other, (other ?? 0) + PAGE_BYTES);
      page.copy(bytes, other);
    }),
  "a page of junk": (folder, dice) =>
    edit(`${folder}/usage.db`, (bytes) => {
      junk(dice, PAGE_BYTES).copy(bytes, PAGE_BYTES * whole(dice, bytes.length / PAGE_BYTES));
    }),
  "a cut file": (folder, dice) => {
    const size = readFileSync(`${folder}/usage.db`).length;
    truncateSync(`${folder}/usage.db`, whole(dice, size));
  },
  "a file cut at a page": (folder, dice) => {
    const pages = readFileSync(`${folder}/usage.db`).length / PAGE_BYTES;
    truncateSync(`${folder}/usage.db`, (1 + whole(dice, pages)) * PAGE_BYTES);
  },
  "an empty file with a WAL": (folder) => truncateSync(`${folder}/usage.db`, 0),
  "a text file": (folder) => writeFileSync(`${folder}/usage.db`, "usage of last week\n".repeat(99)),
  "a file of junk": (folder, dice) => writeFileSync(`${folder}/usage.db`, junk(dice, 9000)),
  "flipped bits of the WAL": (folder, dice) =>
    edit(`${folder}/usage.db-wal`, (bytes) => flipBits(bytes, dice)),
  "a cut WAL": (folder, dice) => {
    const size = readFileSync(`${folder}/usage.db-wal`).length;
    truncateSync(`${folder}/usage.db-wal`, whole(dice, size));
  },
  "a WAL of junk": (folder, dice) => writeFileSync(`${folder}/usage.db-wal`, junk(dice, 8000)),
  "another database's WAL": (folder) => {
    rmSync(`${folder}/usage.db`);
    copyFileSync(`${folder}/safe.db`, `${folder}/usage.db`);
  },
  "a journal of junk": (folder, dice) => {
    rmSync(`${folder}/usage.db-wal`);
    writeFileSync(`${folder}/usage.db-journal`, junk(dice, 3000));
  },
  "a folder in place of the file": (folder) => {
    rmSync(`${folder}/usage.db`);
    mkdirSync(`${folder}/usage.db`);
  },
  "a folder in place of the WAL": (folder) => {
    rmSync(`${folder}/usage.db-wal`);
    mkdirSync(`${folder}/usage.db-wal`);
  },
  "a folder in place of the WAL's index": (folder) => mkdirSync(`${folder}/usage.db-shm`),
  "a folder in place of the journal": (folder) => mkdirSync(`${folder}/usage.db-journal`),
  "a symlink in place of the file": (folder) => {
    renameSync(`${folder}/usage.db`, `${folder}/elsewhere.db`);
    symlinkSync("elsewhere.db", `${folder}/usage.db`);
  },
  "a symlink to nothing": (folder) => {
    rmSync(`${folder}/usage.db`);
    symlinkSync("nothing.db", `${folder}/usage.db`);
  },
  "a symlink to itself": (folder) => {
    rmSync(`${folder}/usage.db`);
    symlinkSync("usage.db", `${folder}/usage.db`);
  },
  "a symlink in place of the WAL": (folder) => {
    renameSync(`${folder}/usage.db-wal`, `${folder}/elsewhere-wal`);
    symlinkSync("elsewhere-wal", `${folder}/usage.db-wal`);
  },
  "a hard link to the file": (folder) => linkSync(`${folder}/usage.db`, `${folder}/other.db`),
  "a pipe in place of the file": (folder) => {
    rmSync(`${folder}/usage.db`);
    Bun.spawnSync(["mkfifo", `${folder}/usage.db`]);
    if (!existsSync(`${folder}/usage.db`)) mkdirSync(`${folder}/usage.db`);
  },
  "a damaged backup": (folder, dice) => edit(`${folder}/safe.db`, (bytes) => flipBits(bytes, dice)),
  "a damaged backup without its hash": (folder, dice) => {
    rmSync(`${folder}/safe.db.sha256`);
    edit(`${folder}/safe.db`, (bytes) => {
      junk(dice, PAGE_BYTES).copy(bytes, PAGE_BYTES * whole(dice, bytes.length / PAGE_BYTES));
    });
  },
};
