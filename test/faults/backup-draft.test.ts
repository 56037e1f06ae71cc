import { describe, expect, it } from "bun:test";
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { compileShim, NO_FAULT_SHIM, readCalls, shimEnv } from "../support/fault-shim.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { faultOfFailure, runCommand } from "./command-process.ts";
import { templateOf } from "./operation.ts";
import { backup } from "./usage-operations.ts";

describe("a backup whose draft cannot be removed", () => {
  const title = "says so with a code, and the backup stands";
  if (NO_FAULT_SHIM !== null) {
    it.skip(`${title} (${NO_FAULT_SHIM})`, () => undefined);
    return;
  }
  it(title, async () => {
    using folder = tempFolder();
    const shim = await compileShim(folder);
    const template = await templateOf(backup, folder);
    const path = folder.at("whole");
    cpSync(template, path, { recursive: true });
    const list = folder.at("calls");
    await runCommand(backup.argv, { cwd: path, env: shimEnv(shim, { under: path, list }) });
    const isDraft = (name: string): boolean => name.endsWith(".partial");
    const call = readCalls(list).findLastIndex((c) => c.kind === "unlink" && isDraft(c.path));
    expect(call).toBeGreaterThan(0);
    const other = folder.at("failing");
    mkdirSync(other);
    cpSync(template, other, { recursive: true });
    const ended = await runCommand(backup.argv, {
      cwd: other,
      env: shimEnv(shim, { under: other, at: call + 1, mode: "eio" }),
    });
    expect(ended.exitCode).not.toBe(0);
    expect(faultOfFailure(ended)).toBeNull();
    expect(existsSync(`${other}/safe.db`)).toBe(true);
  });
});
