/**
 * Strategy: files of some of the versions 1 to 9, and ledgers of others, in any order, read by each way of matching.
 * Invariant: a ledger is taken for true exactly when its versions are the files' oldest ones, none missing.
 */
import { describe, expect, it } from "bun:test";
import * as fc from "fast-check";
import type {
  ForeignEntry,
  ForeignLedger,
} from "../../../../src/engine/sqlite/foreign-ledgers/foreign-ledger.ts";
import { matchLedger } from "../../../../src/engine/sqlite/foreign-ledgers/match.ts";
import { errorOf } from "../../../support/error-of.ts";
import { sketchMigration } from "../../../support/ledger-rows.ts";

const sqlOf = (version: number): string => `CREATE TABLE t${version} (x)`;
const fileOf = (version: number) => ({
  ...sketchMigration(version, { up: sqlOf(version), name: `m${version}` }),
  file: `m/00${version}_m${version}.sql`,
});

function ledgerOf(matching: ForeignLedger["matching"], versions: readonly number[]): ForeignLedger {
  const entry = (version: number): ForeignEntry => ({
    label: matching === "name" ? `0${version}-m${version}.js` : String(version),
    version: matching === "name" ? null : version,
    appliedAt: null,
    executionTimeMs: null,
    hash: matching === "hash" ? Bun.CryptoHasher.hash("sha256", sqlOf(version), "hex") : null,
  });
  return {
    tool: "goose",
    table: "t",
    matching,
    hashAlgorithm: matching === "hash" ? "sha256" : null,
    entries: versions.map(entry),
  };
}

const someVersions = fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7, 8, 9]);

/** Files, and a ledger that is true of them about every other time. */
const filesAndLedger = someVersions.chain((inFiles) =>
  fc.tuple(
    fc.constant(inFiles),
    fc.oneof(
      someVersions,
      fc
        .nat(inFiles.length)
        .chain((count) =>
          fc.shuffledSubarray([...inFiles].sort().slice(0, count), { minLength: count }),
        ),
    ),
  ),
);

describe.each(["version", "name", "hash"] as const)("matchLedger() by %s", (matching) => {
  it("believes a ledger of the oldest files, and no other", () => {
    fc.assert(
      fc.property(filesAndLedger, ([inFiles, inLedger]) => {
        const files = [...inFiles].sort().map(fileOf);
        const oldest = files.slice(0, inLedger.length).map(({ version }) => version);
        const isTrue = [...inLedger].sort().join() === oldest.join();
        const match = (): number[] =>
          matchLedger(ledgerOf(matching, inLedger), files).map(
            ({ migration }) => migration.version,
          );
        if (isTrue) expect(match()).toEqual(oldest);
        else {
          const { code, details } = errorOf(match);
          expect(code).toBe("ADOPT_LEDGER_DIFFERS");
          const missing = inLedger.filter((version) => !inFiles.includes(version));
          expect(details["withoutFile"]).toHaveLength(missing.length);
        }
      }),
    );
  });
});

describe("matchLedger() by one version", () => {
  it("takes every file up to it for applied", () => {
    fc.assert(
      fc.property(someVersions, fc.integer({ min: 1, max: 9 }), (inFiles, reached) => {
        const files = [...inFiles].sort().map(fileOf);
        const match = (): number[] =>
          matchLedger(ledgerOf("watermark", [reached]), files).map(
            ({ migration }) => migration.version,
          );
        if (inFiles.includes(reached))
          expect(match()).toEqual(inFiles.filter((version) => version <= reached).sort());
        else expect(errorOf(match).details["withoutFile"]).toEqual([String(reached)]);
      }),
    );
  });
});
