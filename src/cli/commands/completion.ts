import { InputError } from "../../errors.ts";
import { type Command, GLOBAL_ARGS } from "../command.ts";
import { renderBash } from "../completion/bash.ts";
import { renderFish } from "../completion/fish.ts";
import { completionNodes } from "../completion/nodes.ts";
import { renderZsh } from "../completion/zsh.ts";

const SHELLS = { bash: renderBash, zsh: renderZsh, fish: renderFish } as const;
type Shell = keyof typeof SHELLS;

const isShell = (word: string): word is Shell => Object.hasOwn(SHELLS, word);

export const completion: Command = {
  meta: {
    name: "completion",
    description: "Print a script that completes commands, flags and files in a shell",
  },
  args: {
    shell: {
      type: "positional",
      required: true,
      description: Object.keys(SHELLS).join(", "),
    },
    ...GLOBAL_ARGS,
  },
  choices: { shell: Object.keys(SHELLS) },
  examples: [
    [
      "usagedb completion bash > ~/.local/share/bash-completion/completions/usagedb",
      "loaded by itself; without that folder: `source` the file in ~/.bashrc",
    ],
    [
      "usagedb completion zsh > ~/.zfunc/_usagedb",
      "with `fpath+=~/.zfunc` before compinit in ~/.zshrc",
    ],
    ["usagedb completion fish > ~/.config/fish/completions/usagedb.fish", "loaded by itself"],
  ],
  run: async ({ args, output }) => {
    const shell = String(args["shell"]);
    if (!isShell(shell)) {
      throw new InputError(
        "CLI_USAGE",
        `Cannot complete in ${JSON.stringify(shell)}: it is not known, expected ${Object.keys(SHELLS).join(", ")}`,
        { details: { shell, known: Object.keys(SHELLS) } },
      );
    }
    // The tree itself holds this command: at the top it would be a circle.
    const { ROOT } = await import("./index.ts");
    const script = SHELLS[shell]("usagedb", completionNodes(ROOT));
    output.json({ shell, script });
    output.text(script.trimEnd());
    return 0;
  },
};
