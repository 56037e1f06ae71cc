/** A timer of the user's own systemd: it catches up after a sleep and keeps a log. */
import { findProgram, requireProgram, runProgram } from "./host-command.ts";
import type { ScheduledEntry, Scheduler } from "./scheduler.ts";
import { editUnitFiles } from "./unit-files.ts";

export interface SystemdOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's folder of units. */
  readonly folder: string;
  readonly now: number;
}

const unitOf = (id: string): string => `usagedb-maintain-${id}`;

export function systemd({ env, folder, now }: SystemdOptions): Scheduler {
  const control = (...rest: string[]): void => {
    requireProgram(["systemctl", "--user", ...rest], env);
  };
  const pathsOf = (id: string): [service: string, timer: string] => [
    `${folder}/${unitOf(id)}.service`,
    `${folder}/${unitOf(id)}.timer`,
  ];
  return {
    name: "systemd",
    remark:
      "It runs while you are logged in; `loginctl enable-linger` has it run at other times too.",
    isAvailable: () =>
      findProgram("systemctl", env) !== null &&
      runProgram(["systemctl", "--user", "show-environment"], env).exitCode === 0,
    install(entry) {
      const [service, timer] = pathsOf(entry.id);
      return editUnitFiles(
        [
          { path: service, text: serviceText(entry) },
          { path: timer, text: timerText(entry) },
        ],
        {
          now,
          commands: [
            "systemctl --user daemon-reload",
            `systemctl --user enable --now ${unitOf(entry.id)}.timer`,
          ],
          isActive: () =>
            runProgram(["systemctl", "--user", "is-active", `${unitOf(entry.id)}.timer`], env)
              .exitCode === 0,
          after() {
            control("daemon-reload");
            control("enable", "--now", `${unitOf(entry.id)}.timer`);
          },
        },
      );
    },
    uninstall(id) {
      const [service, timer] = pathsOf(id);
      return editUnitFiles(
        [
          { path: service, text: null },
          { path: timer, text: null },
        ],
        {
          now,
          commands: [
            `systemctl --user disable --now ${unitOf(id)}.timer`,
            "systemctl --user daemon-reload",
          ],
          before: () => control("disable", "--now", `${unitOf(id)}.timer`),
          after: () => control("daemon-reload"),
        },
      );
    },
  };
}

const HEADER =
  "# Written by `usagedb maintain install`; `usagedb maintain uninstall` removes it.\n";

/** 4 is "somebody else is at it", and no failure. */
function serviceText({ argv, database }: ScheduledEntry): string {
  return `${HEADER}
[Unit]
Description=Maintenance of ${literal(database)}

[Service]
Type=oneshot
ExecStart=/usr/bin/env ${argv.map(quoted).join(" ")}
SuccessExitStatus=4
Nice=10
IOSchedulingClass=idle
`;
}

function timerText({ database, cadence }: ScheduledEntry): string {
  return `${HEADER}
[Unit]
Description=Maintenance of ${literal(database)}

[Timer]
OnCalendar=${cadence.calendar}
Persistent=true

[Install]
WantedBy=timers.target
`;
}

/** `%h` and the like are expanded everywhere in a unit. */
const literal = (text: string): string => text.replaceAll("%", "%%");

/** One word of a command line. The program is `env`'s first argument, because systemd has other rules for its own. */
function quoted(word: string): string {
  const escaped = word.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("$", "$$$$");
  return `"${literal(escaped)}"`;
}
