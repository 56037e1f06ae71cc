import { describe, expect, it } from "bun:test";
import * as fc from "fast-check";
import { UsageDbError } from "../../src/errors.ts";
import { planDown, planUp, type Step, stepUp } from "../../src/migration/plan.ts";
import { compareWithLedger, headOf, isReversible } from "../../src/migration/standing.ts";
import { codeOf, errorOf } from "../support/error-of.ts";
import { applySteps, rowOf, sketchMigration, sketchModule } from "../support/ledger-rows.ts";

const sketches = (...versions: number[]) => versions.map((version) => sketchMigration(version));
const rows = (...versions: number[]) => sketches(...versions).map(rowOf);
const versionsOf = (steps: readonly Step[]): number[] => steps.map(({ version }) => version);
const statesOf = (files: number[], applied: number[]) =>
  compareWithLedger(sketches(...files), rows(...applied)).map(({ version, state }) => [
    version,
    state,
  ]);

describe("compareWithLedger()", () => {
  it.each([
    [[], [], []],
    [
      [1, 2],
      [],
      [
        [1, "pending"],
        [2, "pending"],
      ],
    ],
    [
      [1, 2],
      [1],
      [
        [1, "applied"],
        [2, "pending"],
      ],
    ],
    [
      [1, 2, 3],
      [1, 3],
      [
        [1, "applied"],
        [2, "late"],
        [3, "applied"],
      ],
    ],
    [
      [1, 3],
      [1, 2, 3],
      [
        [1, "applied"],
        [2, "missing"],
        [3, "applied"],
      ],
    ],
    [
      [1],
      [1, 2, 3],
      [
        [1, "applied"],
        [2, "newer"],
        [3, "newer"],
      ],
    ],
    [[], [1], [[1, "newer"]]],
    [
      [2],
      [1, 3],
      [
        [1, "missing"],
        [2, "late"],
        [3, "newer"],
      ],
    ],
  ])("names files %p against ledger %p", (files, applied, states) => {
    const observed: unknown[] = statesOf(files, applied);
    expect(observed).toEqual(states);
  });

  it.each([
    ["up", { up: "CREATE TABLE t1 (x, y)" }, "edited", ["up"]],
    ["down", { down: "SELECT 1" }, "edited", ["down"]],
    ["a removed down", { down: null }, "edited", ["down"]],
    ["both", { up: "SELECT 1", down: "SELECT 2" }, "edited", ["up", "down"]],
    ["white space", { up: "CREATE  TABLE t1\r\n(x)" }, "cosmetic", []],
    ["a comment", { down: "-- back\nDROP TABLE t1" }, "cosmetic", []],
    ["the name", { name: "better" }, "cosmetic", []],
    ["letter case", { up: "create table t1 (x)" }, "edited", ["up"]],
    ["white space inside a string", { up: "SELECT 'a  b'" }, "edited", ["up"]],
    ["nothing", {}, "applied", []],
  ] as const)("tells an edit of %s apart", (_, edit, state, editedSections) => {
    const original = rowOf(sketchMigration(1));
    const [standing] = compareWithLedger([sketchMigration(1, edit)], [original]);
    expect(standing).toMatchObject({ state, editedSections: [...editedSections] });
  });

  it("knows an edited module by its checksum and a function without text by its name", () => {
    const module = sketchModule(1);
    const [edited] = compareWithLedger([{ ...module, checksum: "module1:other" }], [rowOf(module)]);
    expect(edited?.state).toBe("edited");
    const registered = { ...module, checksum: null };
    const [same] = compareWithLedger([registered], [rowOf(registered)]);
    expect(same?.state).toBe("applied");
    const [renamed] = compareWithLedger([{ ...registered, name: "other" }], [rowOf(registered)]);
    expect(renamed?.state).toBe("edited");
    const [replaced] = compareWithLedger([sketchMigration(1)], [rowOf(registered)]);
    expect(replaced?.state).toBe("edited");
  });
});

describe("planUp()", () => {
  it.each([
    [[], [], undefined, []],
    [[1, 2, 3], [], undefined, [1, 2, 3]],
    [[1, 2, 3], [1], undefined, [2, 3]],
    [[1, 2, 3], [1, 2, 3], undefined, []],
    [[1, 2, 3], [], 2, [1, 2]],
    [[1, 2, 3], [1, 2], 2, []],
    [[5, 20_260_101_000_000], [5], undefined, [20_260_101_000_000]],
  ])("plans files %p against ledger %p up to %p", (files, applied, target, planned) => {
    const steps = planUp(
      sketches(...files),
      rows(...applied),
      target === undefined ? {} : { target },
    );
    expect(versionsOf(steps)).toEqual(planned);
    expect(steps.every(({ direction }) => direction === "up")).toBe(true);
  });

  it("refuses a version below the newest applied one and names it", () => {
    const error = errorOf(() => planUp(sketches(1, 2, 3, 4), rows(1, 3)));
    expect(error).toMatchObject({
      code: "MIGRATION_OUT_OF_ORDER",
      details: { versions: [2], files: ["2_m2.sql"], currentVersion: 3 },
    });
    expect(error.message).toContain("002_m2");
  });

  it("runs late versions first when it is told that they were looked at", () => {
    const steps = planUp(sketches(1, 2, 3, 4), rows(1, 3), { allowOutOfOrder: true });
    expect(versionsOf(steps)).toEqual([2, 4]);
  });

  it.each([
    ["a ledger ahead of every file", [1], [1, 2], {}, "DATABASE_NEWER"],
    ["an empty directory under a filled ledger", [], [1], {}, "DATABASE_NEWER"],
    ["a newer ledger even out of order", [1], [2], { allowOutOfOrder: true }, "DATABASE_NEWER"],
    ["an applied version without a file", [1, 3], [1, 2, 3], {}, "MIGRATION_MISSING"],
    ["a target that no file has", [1, 3], [1], { target: 2 }, "MIGRATION_TARGET_UNKNOWN"],
    ["a target above every file", [1], [], { target: 9 }, "MIGRATION_TARGET_UNKNOWN"],
    ["a target below the head", [1, 2], [1, 2], { target: 1 }, "MIGRATION_TARGET_UNKNOWN"],
    ["target 0", [1], [], { target: 0 }, "MIGRATION_TARGET_UNKNOWN"],
    ["a target that is no number", [1], [], { target: Number.NaN }, "MIGRATION_TARGET_UNKNOWN"],
  ] as const)("refuses %s", (_, files, applied, options, code) => {
    expect(codeOf(() => planUp(sketches(...files), rows(...applied), options))).toBe(code);
  });

  it("says that a rollback is the way to a lower target", () => {
    const error = errorOf(() => planUp(sketches(1, 2), rows(1, 2), { target: 1 }));
    expect(error.hint).toContain("rollback 1");
  });

  it("refuses an edited up, but runs what is new beside an edited down or a reformatted file", () => {
    const applied = rows(1);
    const next = sketchMigration(2);
    const edited = sketchMigration(1, { up: "SELECT 1" });
    expect(errorOf(() => planUp([edited, next], applied))).toMatchObject({
      code: "MIGRATION_EDITED",
      details: { versions: [1], files: ["1_m1.sql"] },
    });
    for (const harmless of [{ down: "SELECT 1" }, { up: "CREATE TABLE t1\n(x) -- why" }])
      expect(versionsOf(planUp([sketchMigration(1, harmless), next], applied))).toEqual([2]);
  });

  it("hands the engine everything the ledger will need", () => {
    expect(stepUp(sketchMigration(7, { down: null }))).toEqual({
      direction: "up",
      version: 7,
      name: "m7",
      file: "7_m7.sql",
      body: { kind: "sql", sql: "CREATE TABLE t7 (x)", file: "7_m7.sql", firstLine: 1 },
      hasDown: false,
      ledger: {
        checksum: "sql1:CREATE TABLE t7 ( x )",
        upSql: "CREATE TABLE t7 (x)",
        downSql: null,
      },
    });
    expect(stepUp(sketchModule(8))).toMatchObject({
      hasDown: true,
      ledger: { upSql: null, downSql: null },
    });
  });
});

describe("planDown()", () => {
  it.each([
    [[1, 2, 3], undefined, [3]],
    [[1, 2, 3], 1, [3, 2]],
    [[1, 2, 3], 0, [3, 2, 1]],
    [[1, 2, 3], 3, []],
    [[1], undefined, [1]],
    [[], undefined, []],
    [[], 0, []],
  ])("plans ledger %p down to %p without any file", (applied, target, planned) => {
    const steps = planDown([], rows(...applied), target === undefined ? {} : { target });
    expect(versionsOf(steps)).toEqual(planned);
    expect(steps.every(({ direction }) => direction === "down")).toBe(true);
  });

  it.each([2, 4, -1, Number.NaN])("refuses target %p, which is not applied", (target) => {
    expect(codeOf(() => planDown(sketches(1, 2, 3, 4), rows(1, 3), { target }))).toBe(
      "MIGRATION_TARGET_UNKNOWN",
    );
  });

  it("refuses the whole way when one version on it has no down", () => {
    const ledger = [
      rowOf(sketchMigration(1)),
      rowOf(sketchMigration(2, { down: null })),
      ...rows(3),
    ];
    expect(errorOf(() => planDown([], ledger, { target: 0 }))).toMatchObject({
      code: "MIGRATION_IRREVERSIBLE",
      details: { target: 0, versions: [2] },
    });
    expect(versionsOf(planDown([], ledger, { target: 2 }))).toEqual([3]);
  });

  it("runs the ledger's down, not the file's, unless it is told to", () => {
    const edited = sketchMigration(1, { down: "SELECT 'new'" });
    const sqlOf = (steps: readonly Step[]) =>
      steps.map(({ body }) => body.kind === "sql" && body.sql);
    expect(sqlOf(planDown([edited], rows(1)))).toEqual(["DROP TABLE t1"]);
    expect(sqlOf(planDown([edited], rows(1), { useFiles: true }))).toEqual(["SELECT 'new'"]);
    expect(sqlOf(planDown([], rows(1), { useFiles: true }))).toEqual(["DROP TABLE t1"]);
  });

  it("takes a down that was written later only when it is told to", () => {
    const ledger = [rowOf(sketchMigration(1, { down: null }))];
    expect(codeOf(() => planDown(sketches(1), ledger))).toBe("MIGRATION_IRREVERSIBLE");
    expect(versionsOf(planDown(sketches(1), ledger, { useFiles: true }))).toEqual([1]);
  });

  it("needs the module of a function", () => {
    const ledger = [rowOf(sketchModule(1))];
    expect(codeOf(() => planDown([], ledger))).toBe("MIGRATION_IRREVERSIBLE");
    expect(codeOf(() => planDown([sketchModule(1, false)], ledger))).toBe("MIGRATION_IRREVERSIBLE");
    expect(versionsOf(planDown([sketchModule(1)], ledger))).toEqual([1]);
  });
});

describe("isReversible()", () => {
  it.each([
    ["pending SQL with a down", sketchMigration(1), null, true],
    ["pending SQL without one", sketchMigration(1, { down: null }), null, false],
    ["applied SQL whose file is gone", null, rowOf(sketchMigration(1)), true],
    [
      "applied SQL whose down was written later",
      sketchMigration(1),
      rowOf(sketchMigration(1, { down: null })),
      false,
    ],
    ["an applied module", sketchModule(1), rowOf(sketchModule(1)), true],
    ["an applied module that is gone", null, rowOf(sketchModule(1)), false],
  ] as const)("knows %s", (_, migration, applied, expected) => {
    const standing = {
      version: 1,
      name: "m1",
      state: "applied",
      migration,
      applied,
      editedSections: [],
    } as const;
    expect(isReversible(standing)).toBe(expected);
  });
});

describe("the planner, with any files and any ledger", () => {
  const versions = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 12 });
  const options = fc.record({ allowOutOfOrder: fc.boolean() });

  it("plans every pending version once, ascending, or says why not", () => {
    fc.assert(
      fc.property(versions, versions, options, (files, applied, plan) => {
        let steps: Step[];
        try {
          steps = planUp(sketches(...files), rows(...applied), plan);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageDbError);
          const states = new Set(statesOf(files, applied).map(([, state]) => state));
          const isLate = states.has("late") && !plan.allowOutOfOrder;
          expect(states.has("newer") || states.has("missing") || isLate).toBe(true);
          return;
        }
        const pending = files.filter((version) => !applied.includes(version));
        expect(versionsOf(steps)).toEqual([...pending].sort((a, b) => a - b));
        expect(applied.every((version) => files.includes(version))).toBe(true);
        const late = pending.filter((version) => version < headOf(rows(...applied)));
        if (!plan.allowOutOfOrder) expect(late).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it("is done after one run: planning again plans nothing", () => {
    fc.assert(
      fc.property(versions, (files) => {
        const after = applySteps([], planUp(sketches(...files), []));
        expect(planUp(sketches(...files), after)).toEqual([]);
      }),
    );
  });

  it("comes back to where it started when what went up goes down", () => {
    fc.assert(
      fc.property(versions, fc.nat(), (files, pick) => {
        const sorted = [...files].sort((a, b) => a - b);
        const startHead = sorted[(pick % (sorted.length + 1)) - 1] ?? 0;
        const start =
          startHead === 0
            ? []
            : applySteps([], planUp(sketches(...files), [], { target: startHead }));
        const top = applySteps(start, planUp(sketches(...files), start));
        const back = applySteps(top, planDown([], top, { target: startHead }));
        expect(back).toEqual(start);
      }),
    );
  });

  it("goes down strictly, stops at the target and never touches what is below", () => {
    fc.assert(
      fc.property(versions, fc.nat(), (applied, pick) => {
        const target = [0, ...applied][pick % (applied.length + 1)] ?? 0;
        const steps = versionsOf(planDown([], rows(...applied), { target }));
        const doomed = applied.filter((version) => version > target);
        expect(steps).toEqual([...doomed].sort((a, b) => b - a));
      }),
    );
  });
});

describe("dependencies", () => {
  const on = (version: number, ...dependencies: number[]) => ({
    ...sketchMigration(version),
    dependsOn: dependencies.map((dependency) => ({
      version: dependency,
      file: `m/${version}.sql`,
      line: 4,
    })),
  });

  it("are met by what is applied and by what the plan applies before", () => {
    const migrations = [...sketches(1, 2), on(3, 1, 2)];
    expect(versionsOf(planUp(migrations, rows(1)))).toEqual([2, 3]);
  });

  it("are met among late files, which run by version", () => {
    const migrations = [...sketches(1, 2), on(3, 2), on(4, 3), ...sketches(9)];
    const plan = planUp(migrations, rows(1, 9), { allowOutOfOrder: true });
    expect(versionsOf(plan)).toEqual([2, 3, 4]);
  });

  it.each([
    ["comes later in the plan", [on(2, 3), ...sketches(3)], rows(), "m/2.sql:4"],
    ["is nowhere", [on(2, 1)], rows(), "m/2.sql:4"],
  ])("stop a step whose dependency %s, naming file and line", (_, migrations, ledger, place) => {
    const error = errorOf(() => planUp(migrations, ledger));
    expect(error.code).toBe("MIGRATION_DEPENDENCY_UNMET");
    expect(error.message).toContain(place);
  });

  it("of an applied version are not asked again", () => {
    expect(planUp([on(2, 1)], rows(2))).toEqual([]);
  });

  it("stop a rollback that would leave a dependent applied", () => {
    const migrations = [on(1, 2), ...sketches(2)];
    const error = errorOf(() => planDown(migrations, rows(1, 2)));
    expect(error.code).toBe("MIGRATION_DEPENDENCY_UNMET");
    expect(error.message).toContain("m/1.sql:4");
    expect(versionsOf(planDown(migrations, rows(1, 2), { target: 0 }))).toEqual([2, 1]);
  });
});
