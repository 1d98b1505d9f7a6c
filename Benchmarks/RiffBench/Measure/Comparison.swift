import Diffusion

/// One piece of work, ours and a peer's in turn.
struct Comparison {
  let work: EnginePart
  let precision: Precision
  let flops: Double
  let peer: Peer.Backend?
  /// The share of the peer's time that is aimed at.
  let target: Double?
  private var ours = Samples()
  private var theirs = Samples()
  /// Ours by the peer's, pair by pair.
  private var ratios = Samples()
  private var cpuRatios = Samples()
  /// GFLOP/s, measured between the runs.
  var peak = 0.0

  static let header = """
    | work | ours, s: median (best) | GFLOP/s | of the peak | peer | peer, s: median (best) \
    | ratio | of CPU time | target |
    |---|---|---|---|---|---|---|---|---|
    """

  /// `precision`: ours.
  init(
    work: EnginePart, flops: Double, peer: Peer.Backend?, precision: Precision,
    instructions: Instructions
  ) {
    self.precision = precision
    self.target = peer.flatMap { work.target($0, precision, instructions) }
    self.work = work
    self.flops = flops
    self.peer = peer
  }

  mutating func add(_ ours: Stopwatch, _ theirs: Stopwatch?) {
    self.ours.add(ours.seconds)
    guard let theirs else { return }
    self.theirs.add(theirs.seconds)
    self.ratios.add(ours.seconds / theirs.seconds)
    self.cpuRatios.add(ours.cpuSeconds / theirs.cpuSeconds)
  }

  /// A line of the table. GFLOP/s and the share of the peak are those of the best run.
  var line: String {
    let speed = 1e-9 * self.flops / self.ours.best
    var cells = [
      "\(self.work), \(self.precision.rawValue)",
      "\(self.short(self.ours))", "\(Int(speed.rounded()))",
      "\(Int((100 * speed / self.peak).rounded())) % of \(Int(self.peak.rounded()))",
    ]
    if let peer {
      cells += [
        peer.rawValue, self.short(self.theirs), Samples.format(self.ratios.median),
        Samples.format(self.cpuRatios.median),
      ]
      if let target {
        let met = self.ratios.median <= target ? "met" : "missed"
        cells.append("≤ \(Samples.format(target)): \(met)")
      } else {
        cells.append("")
      }
    } else {
      cells += ["", "", "", "", ""]
    }
    return "| \(cells.joined(separator: " | ")) |"
  }

  private func short(_ samples: Samples) -> String {
    "\(Samples.format(samples.median)) (\(Samples.format(samples.best)))"
  }
}
