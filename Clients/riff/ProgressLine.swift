import RiffProtocol

/// One line on standard error that tells how far a job is; silent unless a person reads it.
struct ProgressLine {
  private let terminal = Terminal.standardError
  private var width = 0

  mutating func show(_ progress: Riff_V1_Progress) {
    switch progress.stage {
    case .queued: self.show("waiting for the jobs before this one")
    case .loading: self.show("reading the model")
    case .encoding: self.show("reading what to begin from")
    case .denoising: self.show("painting \(Self.bar(progress)) \(progress.step)/\(progress.steps)")
    case .decoding: self.show("reading the picture")
    case .sound: self.show("sound \(Self.seconds(progress.secondsDone)) s")
    case .unspecified, .UNRECOGNIZED: break
    }
  }

  mutating func clear() {
    if self.width > 0 { self.show("") }
  }

  private mutating func show(_ text: String) {
    guard self.terminal.isInteractive else { return }
    let padding = String(repeating: " ", count: max(0, self.width - text.count))
    self.terminal.write("\r\(text)\(padding)\(text.isEmpty ? "\r" : "")")
    self.width = text.count
  }

  private static func bar(_ progress: Riff_V1_Progress) -> String {
    let width = 20
    let filled =
      progress.steps == 0
      ? 0 : min(width, Int(UInt64(progress.step) * UInt64(width) / UInt64(progress.steps)))
    return "[" + String(repeating: "=", count: filled)
      + String(repeating: " ", count: width - filled) + "]"
  }

  /// One decimal, without a locale.
  static func seconds(_ seconds: Double) -> String {
    guard seconds.isFinite, abs(seconds) < 1e12 else { return "\(seconds)" }
    let tenths = Int((seconds * 10).rounded())
    return "\(tenths / 10).\(abs(tenths % 10))"
  }
}
