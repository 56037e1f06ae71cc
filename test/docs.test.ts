import { describe, expect, it } from "bun:test";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import manifest from "../package.json";
import { ROOT } from "../src/cli/commands/index.ts";
import { isGroup } from "../src/cli/command.ts";
import { nameOf, renderPolicyValue } from "../src/cli/retention-values.ts";
import { directorySource } from "../src/engine/directory.ts";
import { openConnection } from "../src/engine/sqlite/open.ts";
import { RETENTION_MEANINGS } from "../src/store/retention-meanings.ts";
import { RETENTION_DEFAULTS } from "../src/store/retention-policies.ts";
import { migratorOver } from "./support/migrating.ts";
import { tempFolder } from "./support/temp-folder.ts";

const read = (path: string): string => readFileSync(path, "utf8");
const DOCUMENTS = [
  "README.md",
  "CHANGELOG.md",
  "docs/ARCHITECTURE.md",
  "docs/COMPARISON.md",
  "docs/ERRORS.md",
  "docs/MIGRATIONS.md",
  "docs/RELIABILITY.md",
  "docs/SECURITY.md",
];

describe("the documentation", () => {
  it.each(DOCUMENTS)("has no dead link in %s", (path) => {
    const links = [...read(path).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link]) =>
      join(dirname(path), link ?? ""),
    );
    expect(links.filter((link) => !existsSync(link))).toEqual([]);
  });

  it("names every command in the README", () => {
    const readme = read("README.md");
    const missing = Object.keys(ROOT.commands).filter(
      (name) => !["overview", "version"].includes(name) && !readme.includes(`usagedb ${name}`),
    );
    expect(missing).toEqual([]);
    const migrate = ROOT.commands["migrate"]?.load();
    if (migrate === undefined || !isGroup(migrate))
      throw new Error("migrate is a group of commands");
    const unnamed = Object.entries(migrate.commands)
      .filter(([, { isHidden }]) => isHidden !== true)
      .filter(([name]) => !readme.includes(`\`${name}\``));
    expect(unnamed.map(([name]) => name)).toEqual([]);
  });

  it("lists the retention policies in the README as they are", () => {
    const documented = [
      ...read("README.md").matchAll(/^\| `(\w+\.\w+)` +\| (\S+) +\| (.+?) +\|$/gm),
    ];
    expect(documented.map(([, ...cells]) => cells)).toEqual(
      RETENTION_DEFAULTS.map((policy) => [
        nameOf(policy),
        renderPolicyValue(policy, policy.value),
        RETENTION_MEANINGS[`${policy.subject}.${policy.rule}`] ?? "",
      ]),
    );
  });

  it("gives every dependency a reason", () => {
    const architecture = read("docs/ARCHITECTURE.md");
    for (const name of Object.keys(manifest.dependencies))
      expect(architecture).toContain(`\`${name}\``);
  });

  it("begins the changelog with the version of the package", () => {
    expect(/^## (\S+)/m.exec(read("CHANGELOG.md"))?.[1]).toBe(manifest.version);
  });

  it("shows code for embedding that runs as it stands", async () => {
    const blocks = [...read("README.md").matchAll(/```ts\n([\s\S]*?)```/g)].map(
      ([, code]) => code ?? "",
    );
    expect(blocks).toHaveLength(2);
    using folder = tempFolder();
    for (const code of blocks) {
      const source = code
        .replaceAll('"usagedb/migrate"', `"${process.cwd()}/src/migrate.ts"`)
        .replaceAll('"usagedb"', `"${process.cwd()}/src/index.ts"`);
      const child = Bun.spawn([process.execPath, "-e", source], {
        cwd: folder.path,
        env: { ...process.env, HOME: folder.path },
        stdout: "pipe",
        stderr: "pipe",
      });
      expect([await child.exited, await new Response(child.stderr).text()]).toEqual([0, ""]);
    }
    expect(existsSync(folder.at("usage.db"))).toBe(true);
    expect(existsSync(folder.at("app.db"))).toBe(true);
  });

  it("shows modules in docs/MIGRATIONS.md that apply and roll back", async () => {
    const blocks = [
      ...read("docs/MIGRATIONS.md").matchAll(/```(?:ts|sql)\n(?:\/\/|--) (\S+)\n([\s\S]*?)```/g),
    ];
    expect(blocks.length).toBeGreaterThan(1);
    using folder = tempFolder();
    for (const [, name, code] of blocks)
      await Bun.write(
        folder.at("m", name ?? ""),
        (code ?? "").replaceAll('"usagedb/migrate"', `"${process.cwd()}/src/migrate.ts"`),
      );
    const source = directorySource(folder.at("m"));
    using db = openConnection(folder.at("app.db"));
    const migrator = migratorOver(db, source);
    expect(migrator.up().steps).toHaveLength(blocks.length);
    expect(migrator.rollback({ target: 0 }).steps).toHaveLength(blocks.length);
  });

  it("shows a migration that applies and rolls back", async () => {
    const sql = /```sql\n([\s\S]*?)```/.exec(read("README.md"))?.[1] ?? "";
    using folder = tempFolder();
    await Bun.write(folder.at("migrations", "003_add_user_tracking.sql"), sql);
    for (const command of [["up"], ["rollback", "0"], ["up"], ["status", "--check"]]) {
      const child = Bun.spawn(
        [
          process.execPath,
          "scripts/migrate.ts",
          ...command,
          "--dir",
          folder.at("migrations"),
          "--db",
          folder.at("app.db"),
        ],
        { stdout: "ignore", stderr: "ignore" },
      );
      expect(await child.exited).toBe(0);
    }
  });
});

describe("the package", () => {
  it("emits declarations that a consumer can compile against", async () => {
    using folder = tempFolder();
    const run = async (command: string[], cwd: string): Promise<void> => {
      const child = Bun.spawn(command, { cwd, stdout: "pipe", stderr: "pipe" });
      expect([
        await new Response(child.stdout).text(),
        await new Response(child.stderr).text(),
        await child.exited,
      ]).toEqual(["", "", 0]);
    };
    const tsc = join(process.cwd(), "node_modules/.bin/tsc");
    await run(
      [tsc, "-p", "tsconfig.types.json", "--outDir", folder.at("node_modules/usagedb/dist/types")],
      process.cwd(),
    );
    await Bun.write(
      folder.at("node_modules/usagedb/package.json"),
      JSON.stringify({ ...manifest, scripts: {} }),
    );
    await Bun.write(
      folder.at("main.ts"),
      `import { openUsageDb, type UsageSnapshot } from "usagedb";
       import { initDatabase } from "usagedb/db";
       import { createMigrator } from "usagedb/migrate";
       import { startHookServer } from "usagedb/serve";
       import { UsageDbError } from "usagedb/errors";
       const rows: UsageSnapshot[] = openUsageDb(":memory:").snapshots.list({ limit: 1 });
       export const used = [rows, createMigrator, initDatabase, startHookServer, UsageDbError];
       // @ts-expect-error a misspelt option is refused by the types too
       openUsageDb(":memory:", { busyTimeout: 1 });
      `,
    );
    // What a consumer on Bun has installed anyway.
    for (const name of ["@types", "bun-types", "undici-types"]) {
      symlinkSync(join(process.cwd(), "node_modules", name), folder.at("node_modules", name));
    }
    const options = "--noEmit --strict --module preserve --target esnext --lib esnext --types bun";
    await run([tsc, ...options.split(" "), "main.ts"], folder.path);
  }, 30_000);
});
