import { describe, expect, it } from "bun:test";
import { join } from "node:path";
import { head } from "../../src/store/own-head.ts";
import { migrations } from "../../src/store/own-migrations.ts";
import { openUsageDb } from "../../src/usage-db.ts";
import { tempFolder } from "../support/temp-folder.ts";

const at = (module: string): string => join(import.meta.dir, "../../src", module);

/** The files of the product that a process has loaded by the end of `code`. */
function loadedBy(code: string): string[] {
  const { stdout, stderr, exitCode } = Bun.spawnSync({
    cmd: [process.execPath, "-e", `${code}; console.log(Object.keys(require.cache).join("\\n"))`],
  });
  expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: "" });
  return stdout.toString().split("\n");
}

describe("the head of the product's own migrations", () => {
  it("is that of the bundle", () => {
    expect(head).toEqual({ stamp: migrations.stamp, versions: migrations.versions });
  });

  it("is all that opening an up-to-date database loads of them", () => {
    using folder = tempFolder();
    const file = folder.at("usage.db");
    const open = `const { openUsageDb } = await import(${JSON.stringify(at("usage-db.ts"))});
      openUsageDb(${JSON.stringify(file)}).close()`;
    // A new one needs the texts, so this can tell.
    expect(loadedBy(open)).toContain(at("store/own-migrations.ts"));
    const loaded = loadedBy(open);
    expect(loaded).toContain(at("store/own-head.ts"));
    expect(loaded).not.toContain(at("store/own-migrations.ts"));
    const ready = `const { openReadyDatabase } = await import(${JSON.stringify(at("store/ready-database.ts"))});
      if (openReadyDatabase(${JSON.stringify(file)}, 0) === null) throw new Error("it is not ready")`;
    expect(loadedBy(ready)).not.toContain(at("store/own-migrations.ts"));
    openUsageDb(file).close();
  });
});
