import ArgumentParser
import Diffusion
import Foundation

/// What LoRAs cost: beside the weights at every step, or added to them when they are read.
struct LoRA: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lora",
    abstract:
      "A denoising step of an SD-1.5-sized U-Net without a LoRA, with one beside it, merged.")

  @OptionGroup var options: EngineOptions

  /// What a LoRA changes, of which rank.
  private enum Kind: CaseIterable {
    /// What trainers change by default: attention's layers.
    case attention16
    /// What LCM-LoRA changes: every matrix and convolution.
    case all64

    var rank: Int {
      switch self {
      case .attention16: 16
      case .all64: 64
      }
    }

    var title: String {
      switch self {
      case .attention16: "rank 16, attention"
      case .all64: "rank 64, all layers (LCM-LoRA's)"
      }
    }

    func changes(_ tensor: PlannedLayer.Tensor) -> Bool {
      guard tensor.shape.count > 1, !tensor.name.hasPrefix("conv_") else { return false }
      switch self {
      case .attention16: return tensor.name.contains(".attn")
      case .all64: return true
      }
    }
  }

  func run() throws {
    let plan = try StableDiffusionPlan(folder: self.options.model)
    let scratch = try Scratch(in: self.options.scratch)
    // The checkpoint stays as long as it.
    defer { withExtendedLifetime(scratch) {} }
    let checkpoint = try scratch.checkpoint(of: plan, .f16)
    print(
      """
      | \(self.options.precision.rawValue), a step without guidance | s: median (fastest, slowest) \
      | of the bare step | CPU, s: the best | of the bare step's | weights read and the first step, s \
      | CPU, s | MiB in memory |
      |---|---|---|---|---|---|---|---|
      """)
    let bare = try self.row("no LoRA", checkpoint, merged: [], beside: [], than: nil)
    for kind in Kind.allCases {
      let path = "\(scratch.folder)/\(kind.rank).safetensors"
      try GeneratedWeights(precision: .f16).write(Self.tensors(plan, kind), to: path)
      let adapter = ModelAdapter(path: path, weight: 0.1)
      _ = try self.row(
        "\(kind.title), beside", checkpoint, merged: [], beside: [adapter], than: bare)
      _ = try self.row(
        "\(kind.title), merged", checkpoint, merged: [adapter], beside: [], than: bare)
    }
  }

  private static func tensors(
    _ plan: StableDiffusionPlan, _ kind: Kind
  ) -> [PlannedLayer.Tensor] {
    plan.unet.plan(tokens: StableDiffusionPlan.tokens).tensors.filter(kind.changes).flatMap {
      tensor in
      let layer = tensor.name.dropLast(".weight".count).replacing(".", with: "_")
      let shape = tensor.shape
      return [
        PlannedLayer.Tensor(
          name: "lora_unet_\(layer).lora_down.weight", shape: [kind.rank] + shape.dropFirst()),
        PlannedLayer.Tensor(
          name: "lora_unet_\(layer).lora_up.weight",
          shape: [shape[0], kind.rank] + shape.dropFirst(2).map { _ in 1 }),
      ]
    }
  }

  /// Prints a row; the median of a step's seconds.
  private func row(
    _ title: String, _ checkpoint: String, merged: [ModelAdapter], beside: [ModelAdapter],
    than bare: (seconds: Double, cpu: Double)?
  ) throws -> (seconds: Double, cpu: Double) {
    let model = try SoloModel(
      directory: checkpoint, autoencoder: Scratch.tiny(in: checkpoint), merged: merged,
      threads: self.options.threads, instructions: self.options.instructions,
      precision: self.options.precision)
    var request = DiffusionRequest(
      prompt: "bells", seed: 1, steps: self.options.runs + 1, guidanceScale: 1, width: 512,
      height: 512)
    request.adapters = beside
    var times: [(wall: ContinuousClock.Instant, cpu: Double)] = []
    let start = (wall: ContinuousClock.now, cpu: Stopwatch.cpu())
    _ = try model.picture(request) { progress in
      if progress.stage == .denoising { times.append((.now, Stopwatch.cpu())) }
    }
    var (steps, work) = (Samples(), Samples())
    // The first reads the weights.
    for index in 2..<times.count {
      steps.add((times[index].wall - times[index - 1].wall) / .seconds(1))
      work.add(times[index].cpu - times[index - 1].cpu)
    }
    let first = (times[1].wall - start.wall) / .seconds(1)
    let ratio = bare.map { Samples.format(steps.median / $0.seconds) } ?? ""
    let workRatio = bare.map { Samples.format(work.best / $0.cpu) } ?? ""
    print(
      "| \(title) | \(steps) | \(ratio) | \(Samples.format(work.best)) | \(workRatio) "
        + "| \(Samples.format(first)) | \(Samples.format(times[1].cpu - start.cpu)) "
        + "| \(model.model.residentBytes >> 20) |")
    return (steps.median, work.best)
  }
}
