import ArgumentParser
import RiffProtocol
import SwiftProtobuf

extension Riff {
  struct Models: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "The models that --model may name, the first is the default; the LoRAs that --lora may.",
      discussion: """
        riff models
        riff models --json | jq -r .name
        riff models load riff-mini --keep-alive 3600
        riff models unload riff-mini
        """,
      subcommands: [Load.self, Unload.self])

    @OptionGroup(title: "Daemon") var connection: ConnectionOptions
    @ParentCommand var riff: Riff

    func run() async throws {
      let response = try await self.riff.connect(self.connection) { daemon in
        try await daemon.listModels(Riff_V1_ListModelsRequest())
      }
      if self.riff.printsJSON(self.connection) {
        for model in response.models { try JSONLines.standardOutput.write(model) }
        if !response.loras.isEmpty {
          try JSONLines.standardOutput.write(
            Riff_V1_ListModelsResponse.with { $0.loras = response.loras })
        }
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
            \(model.defaultSteps) steps, guidance \(model.defaultGuidanceScale)\
          \(Self.interval(of: model)), schedulers: \
          \(model.schedulers.joined(separator: ", "))
            remix strength \(model.remixStrength)
            \(model.path), fingerprint \(model.fingerprint), computed in \(model.precision)
          """)
        if model.residentBytes > 0 { print("  \(model.residentBytes >> 20) MiB in memory") }
        if !model.loras.isEmpty {
          let loras = model.loras.map { "\($0.name):\($0.weight)" }.joined(separator: ", ")
          print("  has the LoRAs \(loras)")
        }
        for warning in model.warnings { print("  note: \(warning)") }
      }
      for lora in response.loras {
        print(
          lora.problem.isEmpty
            ? "LoRA \(lora.name): rank \(lora.rank), \(lora.path), fingerprint \(lora.fingerprint)"
            : "LoRA \(lora.name): cannot be used: \(lora.problem)")
      }
    }

    /// The steps that have guidance, where not all do.
    private static func interval(of model: Riff_V1_Model) -> String {
      let (start, stop) = (model.defaultGuidanceStart, model.defaultGuidanceStop)
      return stop == 0 || (start, stop) == (0, 1) ? "" : " from \(start) to \(stop) of the steps"
    }
  }
}
