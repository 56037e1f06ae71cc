/** The agents whose usage can be read. One more is one folder beside these, and one line here. */
import type { Ingester } from "./ingester.ts";

export const AGENT_NAMES = ["claude", "codex", "opencode", "gemini"] as const;
export type AgentName = (typeof AGENT_NAMES)[number];

/** Folders (or databases) by agent. */
export type TranscriptSources = Readonly<Partial<Record<AgentName, readonly string[]>>>;

interface Agent {
  /** As people call it. */
  readonly title: string;
  /** Loaded when there is something of it to read. */
  readonly ingester: () => Ingester;
}

export const AGENTS: Readonly<Record<AgentName, Agent>> = {
  claude: {
    title: "Claude Code",
    ingester: () =>
      (require("./claude/claude-ingester.ts") as typeof import("./claude/claude-ingester.ts"))
        .claudeIngester,
  },
  codex: {
    title: "Codex CLI",
    ingester: () =>
      (require("./codex/codex-ingester.ts") as typeof import("./codex/codex-ingester.ts"))
        .codexIngester,
  },
  opencode: {
    title: "opencode",
    ingester: () =>
      (
        require("./opencode/opencode-ingester.ts") as typeof import("./opencode/opencode-ingester.ts")
      ).opencodeIngester,
  },
  gemini: {
    title: "Gemini CLI",
    ingester: () =>
      (require("./gemini/gemini-ingester.ts") as typeof import("./gemini/gemini-ingester.ts"))
        .geminiIngester,
  },
};
