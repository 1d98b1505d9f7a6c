import ArgumentParser

/// Where the time goes, on this machine.
@main
struct RiffBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "riff-bench",
    abstract: "Times riffd on this machine, beside PyTorch and OpenVINO where they are named.",
    subcommands: [
      Jobs.self, Recovery.self, All.self, UNet.self, VAEDecode.self, VAEEncode.self,
      TinyDecode.self, WideDecode.self, Riffusion.self, LoRA.self, Generation.self, Remix.self,
      Beat.self,
      Loop.self, Seams.self, Shortcuts.self, Jam.self, Profile.self, Kernels.self, Precisions.self,
      Crowd.self, Batching.self, Child.self,
    ],
    defaultSubcommand: Jobs.self)
}
