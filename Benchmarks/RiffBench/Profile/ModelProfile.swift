import Diffusion

/// Where the time of one run of a part went: that of the fastest of several runs.
struct ModelProfile {
  private let timings: [LayerTiming]
  /// GFLOP/s of the matrix product, measured between the runs.
  private let peak: Double

  private var seconds: Double { self.timings.reduce(0) { $0 + $1.seconds } }

  /// `run` is one run on `model`; it is made once more before, uncounted.
  init(_ model: SoloModel, runs: Int, threads: Int, _ run: () throws -> Void) throws {
    try run()
    var peak = MatrixPeak(threads: threads)
    var best: [LayerTiming] = []
    for _ in 0..<runs {
      peak.measure()
      let timings = try model.profile(run)
      let seconds = timings.reduce(0) { $0 + $1.seconds }
      if best.isEmpty || seconds < best.reduce(0, { $0 + $1.seconds }) { best = timings }
    }
    self.timings = best
    self.peak = peak.best
  }

  /// A Markdown table with a line for each kind of layer.
  var byKind: String {
    var lines = [
      "| layers | s | share | GFLOP | GFLOP/s | of the peak (\(Int(self.peak.rounded()))) |",
      "|---|---|---|---|---|---|",
    ]
    for kind in LayerKind.allCases {
      let timings = self.timings.filter { $0.layer.kind == kind }
      guard !timings.isEmpty else { continue }
      let seconds = timings.reduce(0) { $0 + $1.seconds }
      let work = timings.reduce(0) { $0 + $1.layer.operations * Double($1.runs) }
      lines.append(self.line(kind.title, seconds, work: work))
    }
    lines.append(
      self.line(
        "all", self.seconds,
        work: self.timings.reduce(0) { $0 + $1.layer.operations * Double($1.runs) }))
    return lines.joined(separator: "\n")
  }

  /// A Markdown table with a line for each shape of layer, the slowest first, down to the hundredth
  /// part of the time.
  var byShape: String {
    var lines = [
      "| layer | rows × inputs → outputs | times | ms each | share | speed | of the peak |",
      "|---|---|---|---|---|---|---|",
    ]
    for timing in self.timings where timing.seconds >= self.seconds / 100 {
      let layer = timing.layer
      let each = timing.seconds / Double(timing.runs)
      var cells = [
        layer.kind.title, "\(layer.rows) × \(layer.inputs) → \(layer.outputs)", "\(timing.runs)",
        Samples.format(1_000 * each), self.percent(timing.seconds / self.seconds),
      ]
      if layer.operations > 0 {
        let speed = 1e-9 * layer.operations / each
        cells += ["\(Int(speed.rounded())) GFLOP/s", self.percent(speed / self.peak)]
      } else {
        cells += ["\(Int((1e-9 * layer.bytes / each).rounded())) GB/s", ""]
      }
      lines.append("| \(cells.joined(separator: " | ")) |")
    }
    return lines.joined(separator: "\n")
  }

  private func line(_ title: String, _ seconds: Double, work: Double) -> String {
    let speed = 1e-9 * work / seconds
    let cells =
      [title, Samples.format(seconds), self.percent(seconds / self.seconds)]
      + (work > 0
        ? [
          "\(Int((1e-9 * work).rounded()))", "\(Int(speed.rounded()))",
          self.percent(speed / self.peak),
        ] : ["", "", ""])
    return "| \(cells.joined(separator: " | ")) |"
  }

  private func percent(_ share: Double) -> String { "\(Int((100 * share).rounded())) %" }
}
