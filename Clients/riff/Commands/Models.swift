import ArgumentParser
import RiffProtocol

extension Riff {
  struct Models: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "The models that --model may name; the first is the default.",
      subcommands: [Load.self, Unload.self])

    @OptionGroup(title: "Daemon") var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let response = try await self.riff.connect(self.connection) { daemon in
        try await daemon.listModels(Riff_V1_ListModelsRequest())
      }
      if self.riff.printsJSON(self.connection) {
        for model in response.models { try JSONLines.standardOutput.write(model) }
        return
      }
      for model in response.models {
        guard model.problem.isEmpty else {
          print("\(model.name): cannot be used: \(model.problem)")
          continue
        }
        let seconds = ProgressLine.seconds(
          Double(model.defaultWidth) * Double(model.spectrogram.stepMs) / 1_000)
        print(
          """
          \(model.name): \(model.description_p)
            \(model.defaultWidth)x\(model.defaultHeight) px = \(seconds) s, multiples of \
          \(model.widthMultiple)x\(model.heightMultiple), up to \(model.maxWidth) px wide
            \(model.defaultSteps) steps, guidance \(model.defaultGuidanceScale), schedulers: \
          \(model.schedulers.joined(separator: ", "))
            remix strength \(model.remixStrength)
            \(model.path), fingerprint \(model.fingerprint)
          """)
        if model.residentBytes > 0 { print("  \(model.residentBytes >> 20) MiB in memory") }
        for warning in model.warnings { print("  note: \(warning)") }
      }
    }
  }
}
