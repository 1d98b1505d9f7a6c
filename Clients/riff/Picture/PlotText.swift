/// A spectrogram in characters, with its frequencies and seconds beside it.
struct PlotText {
  let levels: Levels
  let graphics: TerminalGraphics

  private static let margin = 7

  /// - Parameters:
  ///   - columns: Characters in a line.
  ///   - rows: Lines of the picture; two more tell the time.
  func lines(columns: Int, rows: Int) -> [String] {
    let width = max(10, columns - Self.margin - 1)
    let picture = TerminalPicture(
      levels: self.levels, graphics: self.graphics == .shades ? .shades : self.blocks)
    var labels = [Int: String]()
    for hertz in [100.0, 200, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000] {
      let place = self.levels.place(ofFrequency: hertz)
      guard (0..<1).contains(place) else { continue }
      let row = rows - 1 - Int(place * Double(rows))
      labels[row] = hertz < 1_000 ? "\(Int(hertz)) Hz" : "\(Int(hertz) / 1_000) kHz"
    }
    var lines = picture.lines(columns: width, rows: rows).enumerated().map { row, line in
      let label = labels[row] ?? ""
      return String(repeating: " ", count: Self.margin - 1 - label.count) + label
        + (labels[row] == nil ? "│" : "┤") + line
    }
    lines.append(String(repeating: " ", count: Self.margin - 1) + "└" + self.ticks(width))
    lines.append(String(repeating: " ", count: Self.margin) + self.seconds(width))
    return lines
  }

  /// Pictures that the terminal is sent as pixels have no place beside text.
  private var blocks: TerminalGraphics { self.graphics == .blocks256 ? .blocks256 : .blocks }

  /// Columns of the ticks: four parts.
  private func places(_ width: Int) -> [Int] { (0...4).map { $0 * (width - 1) / 4 } }

  private func ticks(_ width: Int) -> String {
    var line = [Character](repeating: "─", count: width)
    for place in self.places(width) { line[place] = "┬" }
    return String(line)
  }

  private func seconds(_ width: Int) -> String {
    var line = [Character](repeating: " ", count: width)
    for (index, place) in self.places(width).enumerated() {
      let text = ProgressLine.seconds(self.levels.duration * Double(index) / 4) + " s"
      let start = max(0, min(place - text.count / 2, width - text.count))
      for (offset, character) in text.enumerated() where start + offset < width {
        line[start + offset] = character
      }
    }
    return String(line)
  }
}
