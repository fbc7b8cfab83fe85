import {Args, BaseCommand} from '../src/cli/base-command.js'
import {type CompletedShell, SCRIPTS, SHELLS} from '../src/cli/completion/scripts.js'

export default class Completion extends BaseCommand {
  static override summary = 'Print a script with which a shell completes raftctl.'
  static override description =
    'It completes commands, flags, contexts, local clusters and members: those of a local cluster ' +
    'from its files, those of another by asking it, within 300 ms. For good: bash: add ' +
    '"source <(raftctl completion bash)" to ~/.bashrc. zsh: write it to a file _raftctl in a ' +
    'directory of $fpath. fish: write it to ~/.config/fish/completions/raftctl.fish.'
  static override examples = [
    'source <(<%= config.bin %> completion bash)',
    '<%= config.bin %> completion zsh > ~/.zsh/completions/_raftctl',
    '<%= config.bin %> completion fish > ~/.config/fish/completions/raftctl.fish',
  ]
  static override args = {
    shell: Args.string({required: true, options: [...SHELLS], description: 'bash, zsh or fish'}),
  }

  async run() {
    const {args} = await this.parse(Completion)
    const shell = args.shell as CompletedShell
    const script = SCRIPTS[shell]
    return this.print({kind: 'CompletionScript', shell, script}, {lines: [script]})
  }
}
