/** The completion script for zsh. */
import type { Candidates, CompletionNode } from "./nodes.ts";

/** The script's text; for a folder of `fpath`, or to be sourced once `compinit` has run. */
export function renderZsh(program: string, nodes: readonly CompletionNode[]): string {
  const name = `_${program}`;
  const groups = nodes.filter(({ words }) => words.length > 0);
  return `#compdef ${program}
# zsh completion for ${program}; written by \`${program} completion zsh\`

${name}_value() {
  case "$1" in
    value) _message 'value' ;;
    file) _files ;;
    folder) _files -/ ;;
    *) compadd -- \${(z)1} ;;
  esac
}

# What a flag of a command takes; nothing for one that takes none.
${name}_takes() {
  case "$1 $2" in
${nodes.flatMap(({ path, flags }) => flags.filter(({ takesValue }) => takesValue).map(({ flag, candidates }) => `    ${quoted(`${path} ${flag}`)}) print -r -- ${valueOf(candidates)} ;;`)).join("\n")}
  esac
}

# What the argument of that number may be.
${name}_argument() {
  case "$1 $2" in
${nodes.flatMap(({ path, positionals }) => positionals.map((candidates, index) => `    ${quoted(`${path} ${index}`)}) print -r -- ${valueOf(candidates)} ;;`)).join("\n")}
  esac
}

${name}() {
  local node="" word taken current="\${words[CURRENT]}"
  local -i arguments=0 at
  local -a entries
  local -A known
  known=(
${groups.map(({ path, words }) => `    ${quoted(path === "" ? "." : path)} ${quoted(words.map(({ word }) => word).join(" "))}`).join("\n")}
  )
  for (( at = 2; at < CURRENT; at++ )); do
    word="\${words[at]}"
    if [[ "$word" == -* ]]; then
      [[ "$word" == *=* ]] && continue
      taken="$(${name}_takes "$node" "$word")"
      [[ -z "$taken" ]] && continue
      (( at++ ))
      if (( at == CURRENT )); then
        ${name}_value "$taken"
        return
      fi
      continue
    fi
    if [[ " \${known[\${node:-.}]} " == *" $word "* ]]; then
      node="\${node:+$node }$word"
    else
      (( arguments++ ))
    fi
  done
  if [[ "$current" == --*=* ]]; then
    taken="$(${name}_takes "$node" "\${current%%=*}")"
    compset -P '*='
    [[ -n "$taken" ]] && ${name}_value "$taken"
    return
  fi
  case "$node" in
${nodes.map(nodeBranch).join("\n")}
  esac
  if [[ "$current" == -* ]]; then
    _describe -o 'option' entries
    return
  fi
  entries=()
  case "$node" in
${groups.map(({ path, words }) => `    ${quoted(path)}) entries=(${words.map(({ word, description }) => quoted(`${word}:${description}`)).join(" ")}) ;;`).join("\n")}
  esac
  if (( \${#entries} )); then
    _describe 'command' entries
    return
  fi
  taken="$(${name}_argument "$node" "$arguments")"
  [[ -n "$taken" ]] && ${name}_value "$taken"
}

if [[ "\${funcstack[1]}" == ${name} ]]; then ${name} "$@"; else compdef ${name} ${program}; fi
`;
}

function nodeBranch({ path, flags }: CompletionNode): string {
  const entries = flags.map(({ flag, description }) => quoted(`${flag}:${description}`));
  return `    ${quoted(path)}) entries=(${entries.join(" ")}) ;;`;
}

function valueOf(candidates: Candidates): string {
  if (candidates === null) return "value";
  return candidates.kind === "words" ? quoted(candidates.words.join(" ")) : candidates.kind;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
