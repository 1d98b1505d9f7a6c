#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A spectrogram as characters and escape sequences for a terminal.
struct TerminalPicture {
  let levels: Levels
  let graphics: TerminalGraphics

  /// Pixels that a character is taken to have, for pictures sent as pixels.
  private static let cell = (width: 8, height: 16)

  /// The text, lines ended, for a part of the terminal of that many characters.
  func text(columns: Int, rows: Int) -> String {
    switch self.graphics {
    case .kitty: self.kitty(columns, rows)
    case .sixel: self.sixel(columns, rows)
    case .blocks, .blocks256, .shades:
      self.lines(columns: columns, rows: rows).map { $0 + "\n" }.joined()
    }
  }

  /// The lines, without their ends; blocks for terminals that are sent pixels otherwise.
  func lines(columns: Int, rows: Int) -> [String] {
    self.graphics == .shades ? self.shades(columns, rows) : self.blocks(columns, rows)
  }

  // MARK: Characters

  private func shades(_ columns: Int, _ rows: Int) -> [String] {
    let characters = Array(" ·░▒▓█")
    let levels = self.levels.scaled(width: columns, height: rows)
    return (0..<rows).map { row in
      String(
        levels.values[row * columns..<(row + 1) * columns].map {
          characters[Int($0) * characters.count / 256]
        })
    }
  }

  private func blocks(_ columns: Int, _ rows: Int) -> [String] {
    let levels = self.levels.scaled(width: columns, height: 2 * rows)
    let table = ColourMap.magma.table
    return (0..<rows).map { row in
      var line = ""
      var before: (upper: UInt8, lower: UInt8)?
      for column in 0..<columns {
        let upper = levels.values[2 * row * columns + column]
        let lower = levels.values[(2 * row + 1) * columns + column]
        if before?.upper != upper { line += self.colour(38, table[Int(upper)]) }
        if before?.lower != lower { line += self.colour(48, table[Int(lower)]) }
        before = (upper, lower)
        line += "▀"
      }
      return line + "\u{1b}[0m"
    }
  }

  private func colour(_ ground: Int, _ colour: (UInt8, UInt8, UInt8)) -> String {
    guard self.graphics == .blocks256 else {
      return "\u{1b}[\(ground);2;\(colour.0);\(colour.1);\(colour.2)m"
    }
    // The cube of six shades each, whose levels are 0, 95, 135, 175, 215 and 255.
    func shade(_ value: UInt8) -> Int { value < 48 ? 0 : value < 115 ? 1 : (Int(value) - 35) / 40 }
    return
      "\u{1b}[\(ground);5;\(16 + 36 * shade(colour.0) + 6 * shade(colour.1) + shade(colour.2))m"
  }

  // MARK: Pixels

  /// kitty's graphics protocol: RGB in base64, in parts of 4,096 characters.
  private func kitty(_ columns: Int, _ rows: Int) -> String {
    let width = columns * Self.cell.width
    let height = rows * Self.cell.height
    let levels = self.levels.scaled(width: width, height: height)
    let table = ColourMap.magma.table
    let pixels = levels.values.flatMap { [table[Int($0)].0, table[Int($0)].1, table[Int($0)].2] }
    let text = Array(Data(pixels).base64EncodedString().utf8)
    var result = ""
    for start in stride(from: 0, to: text.count, by: 4_096) {
      let end = min(text.count, start + 4_096)
      let keys = start == 0 ? "a=T,f=24,s=\(width),v=\(height),c=\(columns),r=\(rows),q=2," : ""
      result += "\u{1b}_G\(keys)m=\(end < text.count ? 1 : 0);"
      result += String(decoding: text[start..<end], as: UTF8.self) + "\u{1b}\\"
    }
    return result + "\n"
  }

  /// DEC's sixels, six rows a band, in 64 colours.
  private func sixel(_ columns: Int, _ rows: Int) -> String {
    let width = columns * Self.cell.width
    let height = rows * Self.cell.height / 6 * 6
    let levels = self.levels.scaled(width: width, height: height)
    let table = ColourMap.magma.table
    var result = "\u{1b}Pq\"1;1;\(width);\(height)"
    for colour in 0..<64 {
      let (red, green, blue) = table[4 * colour + 2]
      result += "#\(colour);2;\(Int(red) * 100 / 255);\(Int(green) * 100 / 255);"
      result += "\(Int(blue) * 100 / 255)"
    }
    for band in stride(from: 0, to: height, by: 6) {
      var bits = [Int: [UInt8]]()
      for row in 0..<6 {
        for column in 0..<width {
          let colour = Int(levels.values[(band + row) * width + column]) / 4
          bits[colour, default: [UInt8](repeating: 0, count: width)][column] |= 1 << row
        }
      }
      for (colour, line) in bits.sorted(by: { $0.key < $1.key }) {
        result += "#\(colour)"
        var start = 0
        while start < width {
          var end = start + 1
          while end < width, line[end] == line[start] { end += 1 }
          let character = Character(UnicodeScalar(63 + line[start]))
          result +=
            end - start > 3
            ? "!\(end - start)\(character)" : String(repeating: character, count: end - start)
          start = end
        }
        result += "$"
      }
      result += "-"
    }
    return result + "\u{1b}\\\n"
  }
}
