/** An agent of macOS's launchd. */
import { findProgram, requireProgram, runProgram } from "./host-command.ts";
import type { ScheduledEntry, Scheduler } from "./scheduler.ts";
import { editUnitFiles } from "./unit-files.ts";

export interface LaunchdOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's folder of agents. */
  readonly folder: string;
  readonly uid: number;
  readonly now: number;
}

const labelOf = (id: string): string => `usagedb.maintain.${id}`;

export function launchd({ env, folder, uid, now }: LaunchdOptions): Scheduler {
  const domain = `gui/${uid}`;
  const pathOf = (id: string): string => `${folder}/${labelOf(id)}.plist`;
  // Fails when nothing of this name is loaded, which is what is wanted.
  const unload = (id: string): void =>
    void runProgram(["launchctl", "bootout", `${domain}/${labelOf(id)}`], env);
  return {
    name: "launchd",
    remark: "It runs while you are logged in.",
    isAvailable: () => findProgram("launchctl", env) !== null,
    install(entry) {
      const path = pathOf(entry.id);
      return editUnitFiles([{ path, text: plistText(entry) }], {
        now,
        commands: [
          `launchctl bootout ${domain}/${labelOf(entry.id)}`,
          `launchctl bootstrap ${domain} ${path}`,
        ],
        isActive: () =>
          runProgram(["launchctl", "print", `${domain}/${labelOf(entry.id)}`], env).exitCode === 0,
        after() {
          unload(entry.id);
          requireProgram(["launchctl", "bootstrap", domain, path], env);
        },
      });
    },
    uninstall(id) {
      return editUnitFiles([{ path: pathOf(id), text: null }], {
        now,
        commands: [`launchctl bootout ${domain}/${labelOf(id)}`],
        after: () => unload(id),
      });
    },
  };
}

function plistText({ id, argv, cadence }: ScheduledEntry): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- Written by \`usagedb maintain install\`; \`usagedb maintain uninstall\` removes it. -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${labelOf(id)}</string>
  <key>ProgramArguments</key>
  <array>
${argv.map((word) => `    <string>${escaped(word)}</string>`).join("\n")}
  </array>
  <key>StartInterval</key>
  <integer>${cadence.minutes * 60}</integer>
  <key>ProcessType</key>
  <string>Background</string>
  <key>LowPriorityIO</key>
  <true/>
</dict>
</plist>
`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
