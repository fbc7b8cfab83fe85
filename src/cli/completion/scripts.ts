/** What a shell is told once; all knowledge of the commands stays in `raftctl completion words`. */

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type CompletedShell = (typeof SHELLS)[number]

const BASH = String.raw`# raftctl: completion for bash
_raftctl() {
  local current=$2 word about
  COMPREPLY=()
  while IFS=$'\t' read -r word about; do
    if [[ $word == :files ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current")
    else
      COMPREPLY+=("$word")
    fi
  done < <("$1" completion words -- "${'$'}{COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _raftctl raftctl`

const ZSH = String.raw`#compdef raftctl
# raftctl: completion for zsh
_raftctl() {
  local -a lines candidates
  local line files
  lines=("${'$'}{(@f)$("${'$'}{words[1]}" completion words -- "${'$'}{(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in $lines; do
    if [[ $line == :files* ]]; then
      files=1
    elif [[ -n $line ]]; then
      candidates+=("${'$'}{${'$'}{line%%$'\t'*}//:/\\:}:${'$'}{line#*$'\t'}")
    fi
  done
  (( $#candidates )) && _describe -V raftctl candidates
  [[ -n $files ]] && _files
}
if [[ $funcstack[1] == _raftctl ]]; then
  _raftctl "$@"
else
  compdef _raftctl raftctl
fi`

const FISH = `# raftctl: completion for fish
function __raftctl_words
    set -l typed (commandline -opc)
    set -l program $typed[1]
    set -e typed[1]
    set -l current (commandline -ct)
    for line in ($program completion words -- $typed "$current" 2>/dev/null)
        if string match -q ':files*' -- $line
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete -c raftctl -f -a '(__raftctl_words)'`

export const SCRIPTS: Readonly<Record<CompletedShell, string>> = {
  bash: BASH,
  zsh: ZSH,
  fish: FISH,
}
