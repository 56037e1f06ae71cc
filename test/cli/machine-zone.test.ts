import { describe, expect, it } from "bun:test";
import { join } from "node:path";

const MODULE = join(import.meta.dir, "../../src/cli/machine-zone.ts");

/** Asked of a process of its own: Bun takes TZ when it starts. */
function zonesUnder(zone: string | undefined): { readonly found: string; readonly own: string } {
  const { TZ: _, ...env } = process.env;
  const { stdout } = Bun.spawnSync({
    cmd: [
      process.execPath,
      "-e",
      `const { machineZone } = await import(${JSON.stringify(MODULE)});
       const own = new Intl.DateTimeFormat().resolvedOptions().timeZone;
       console.log(JSON.stringify({ found: machineZone(process.env), own }))`,
    ],
    env: zone === undefined ? env : { ...env, TZ: zone },
  });
  return JSON.parse(stdout.toString());
}

describe("machineZone()", () => {
  it.each([
    [undefined],
    [""],
    ["UTC"],
    ["Etc/UTC"],
    ["Europe/Berlin"],
    ["Asia/Kolkata"],
    ["EST5EDT"],
    ["No/Such"],
  ])("is Bun's own answer with TZ=%p", (zone) => {
    const { found, own } = zonesUnder(zone);
    expect(found).toBe(own);
  });
});
