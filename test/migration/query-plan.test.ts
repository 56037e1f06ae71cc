import { describe, expect, it } from "bun:test";
import { comparePlans } from "../../src/migration/query-plan.ts";

describe("comparePlans()", () => {
  it.each<[string, string[], string[], ReturnType<typeof comparePlans>]>([
    ["an equal plan", ["SEARCH t USING INDEX i (a=?)"], ["SEARCH t USING INDEX i (a=?)"], null],
    [
      "a SEARCH that became a SCAN",
      ["SEARCH t USING INDEX i (a=?)"],
      ["SCAN t"],
      { degree: "regression", observed: "SEARCH t became SCAN t" },
    ],
    [
      "one of two searches of a table",
      ["SEARCH t USING INDEX i (a=?)", "SEARCH t USING INDEX j (b=?)"],
      ["SEARCH t USING INDEX i (a=?)", "SCAN t USING INDEX k"],
      { degree: "regression", observed: "SEARCH t became SCAN t USING INDEX k" },
    ],
    [
      "a SCAN inside a subquery",
      ["CORRELATED SCALAR SUBQUERY 1", "  SEARCH u USING INDEX i (a=?)"],
      ["CORRELATED SCALAR SUBQUERY 1", "  SCAN u"],
      { degree: "regression", observed: "SEARCH u became SCAN u" },
    ],
    [
      "an index that is built for each run",
      ["SEARCH t USING INDEX i (a=?)"],
      ["SEARCH t USING AUTOMATIC COVERING INDEX (a=?)"],
      {
        degree: "regression",
        observed: "SEARCH t became SEARCH t USING AUTOMATIC COVERING INDEX (a=?)",
      },
    ],
    [
      "a table that was not read at all",
      ["SEARCH t USING INDEX i (a=?)"],
      ["SEARCH t USING INDEX i (a=?)", "SCAN u"],
      { degree: "regression", observed: "new is SCAN u" },
    ],
    [
      "a sort",
      ["SCAN t USING INDEX i"],
      ["SCAN t", "USE TEMP B-TREE FOR ORDER BY"],
      { degree: "regression", observed: "new is USE TEMP B-TREE FOR ORDER BY" },
    ],
    [
      "another index",
      ["SEARCH t USING INDEX i (a=?)"],
      ["SEARCH t USING INDEX j (a=?)"],
      { degree: "remark", observed: "it is now SEARCH t USING INDEX j (a=?)" },
    ],
    [
      "a SCAN that became a SEARCH",
      ["SCAN t"],
      ["SEARCH t USING INDEX j (a=?)"],
      { degree: "remark", observed: "it is now SEARCH t USING INDEX j (a=?)" },
    ],
    [
      "rows without a table",
      ["SEARCH t USING INDEX i (a=?)"],
      ["SCAN CONSTANT ROW", "SCALAR SUBQUERY 1", "  SEARCH t USING INDEX i (a=?)"],
      {
        degree: "remark",
        observed: "it is now SCAN CONSTANT ROW; SCALAR SUBQUERY 1; SEARCH t USING INDEX i (a=?)",
      },
    ],
  ])("tells of %s", (_, expected, observed, difference) => {
    expect(comparePlans(expected, observed)).toEqual(difference);
  });
});
