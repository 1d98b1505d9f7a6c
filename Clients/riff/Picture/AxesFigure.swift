import Spectrogram

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A spectrogram with a time and a frequency axis, a colour bar and a title, as papers show them.
struct AxesFigure {
  let levels: Levels
  var title: String
  /// Seconds at the left edge.
  var start = 0.0
  var colours = ColourMap.magma

  /// Pixels of the spectrogram itself: 7 inches at 300 dots an inch, and 3.
  private static let plot = (width: 2_100, height: 900)
  private static let textSize = 36
  /// What lies around the plot.
  private static let margin = (left: 210, right: 340, top: 110, bottom: 170)
  private static let barWidth = 45
  /// The colour bar's lowest value, in decibels.
  private static let floor = -80.0

  /// Frequencies that the axis may name, in hertz.
  private static let frequencies: [Double] = [
    0, 100, 200, 500, 1_000, 2_000, 3_000, 4_000, 6_000, 8_000, 10_000, 15_000, 20_000, 40_000,
    80_000,
    160_000,
  ]

  /// The picture as a PNG.
  ///
  /// - Throws: ``Failure`` where there is no font, `SpectrogramError`.
  func png() throws -> [UInt8] {
    let face = try Typeface(size: Self.textSize)
    var canvas = Canvas(
      width: Self.margin.left + Self.plot.width + Self.margin.right,
      height: Self.margin.top + Self.plot.height + Self.margin.bottom)
    self.drawLevels(&canvas)
    self.drawTimeAxis(&canvas, face)
    self.drawFrequencyAxis(&canvas, face)
    self.drawBar(&canvas, face)
    let title = face.line(self.title)
    canvas.draw(
      title, x: Self.margin.left + (Self.plot.width - title.width) / 2,
      y: Self.margin.top - 30 - title.height)
    return try PNGCodec.encode(
      TaggedImage(
        image: RasterImage(width: canvas.width, height: canvas.height, pixels: canvas.pixels),
        texts: [PictureText("Title", self.title)]))
  }

  private func drawLevels(_ canvas: inout Canvas) {
    let (left, top) = (Self.margin.left, Self.margin.top)
    let scaled = self.levels.scaled(width: Self.plot.width, height: Self.plot.height)
    let table = self.colours.table
    for row in 0..<scaled.height {
      for column in 0..<scaled.width {
        canvas.set(
          left + column, top + row, table[self.shade(scaled.values[row * scaled.width + column])])
      }
    }
    canvas.frame(x: left, y: top, width: scaled.width, height: scaled.height)
  }

  /// Where a level stands between the colour bar's ends, 0 to 255.
  private func shade(_ level: UInt8) -> Int {
    guard level > 0 else { return 0 }
    let decibels = 20 / self.levels.parameters.power * log10(Double(level) / 255)
    return max(0, min(255, Int((1 - decibels / Self.floor) * 255)))
  }

  private func drawTimeAxis(_ canvas: inout Canvas, _ face: Typeface) {
    let bottom = Self.margin.top + Self.plot.height
    let step = Self.step(self.levels.duration)
    var tick = (self.start / step).rounded(.up)
    while tick * step <= self.start + self.levels.duration + 1e-9 {
      let share = (tick * step - self.start) / self.levels.duration
      let x = Self.margin.left + Int(share * Double(Self.plot.width - 1))
      canvas.fill(x: x - 1, y: bottom, width: 3, height: 14)
      let label = face.line(Self.text(tick * step))
      canvas.draw(label, x: x - label.width / 2, y: bottom + 16)
      tick += 1
    }
    let name = face.line("Time (s)")
    canvas.draw(
      name, x: Self.margin.left + (Self.plot.width - name.width) / 2,
      y: bottom + 16 + Self.textSize * 3 / 2)
  }

  private func drawFrequencyAxis(_ canvas: inout Canvas, _ face: Typeface) {
    let left = Self.margin.left
    var last = Int.max
    for hertz in Self.frequencies {
      let place = self.levels.place(ofFrequency: hertz)
      guard place > -0.02, place < 1.02 else { continue }
      let share = min(1, max(0, place))
      let y = Self.margin.top + Int((1 - share) * Double(Self.plot.height - 1))
      // Labels keep a line's distance.
      guard last - y >= Self.textSize * 5 / 4 else { continue }
      last = y
      canvas.fill(x: left - 14, y: y - 1, width: 14, height: 3)
      let label = face.line(Self.text(hertz / 1_000))
      canvas.draw(label, x: left - 22 - label.width, y: y - label.height / 2)
    }
    let name = face.line("Frequency (kHz, mel scale)").upwards
    canvas.draw(name, x: left - 190, y: Self.margin.top + (Self.plot.height - name.height) / 2)
  }

  private func drawBar(_ canvas: inout Canvas, _ face: Typeface) {
    let x = Self.margin.left + Self.plot.width + 60
    let table = self.colours.table
    for row in 0..<Self.plot.height {
      let colour = table[255 - row * 255 / (Self.plot.height - 1)]
      for column in 0..<Self.barWidth { canvas.set(x + column, Self.margin.top + row, colour) }
    }
    canvas.frame(x: x, y: Self.margin.top, width: Self.barWidth, height: Self.plot.height)
    for decibels in stride(from: 0, through: Self.floor, by: -20) {
      let y = Self.margin.top + Int(decibels / Self.floor * Double(Self.plot.height - 1))
      canvas.fill(x: x + Self.barWidth, y: y - 1, width: 14, height: 3)
      // A minus sign, not a hyphen.
      let label = face.line(Self.text(decibels).replacing("-", with: "−"))
      canvas.draw(label, x: x + Self.barWidth + 22, y: y - label.height / 2)
    }
    let name = face.line("Level (dB)").upwards
    canvas.draw(
      name, x: x + Self.barWidth + 120, y: Self.margin.top + (Self.plot.height - name.height) / 2)
  }

  /// 1, 2 or 5 times a power of ten, for at most ten steps.
  private static func step(_ length: Double) -> Double {
    let power = pow(10, (log10(length / 10)).rounded(.down))
    return [1, 2, 5, 10].map { $0 * power }.first { length / $0 <= 10 } ?? length
  }

  private static func text(_ number: Double) -> String {
    let rounded = (number * 1_000).rounded() / 1_000
    return Int(exactly: rounded).map { "\($0)" } ?? "\(rounded)"
  }
}

/// An RGB picture to draw on, white at first.
private struct Canvas {
  let width: Int
  let height: Int
  private(set) var pixels: [UInt8]

  init(width: Int, height: Int) {
    self.width = width
    self.height = height
    self.pixels = Array(repeating: 255, count: width * height * 3)
  }

  /// Places outside are passed over.
  mutating func set(_ x: Int, _ y: Int, _ colour: (UInt8, UInt8, UInt8)) {
    guard (0..<self.width).contains(x), (0..<self.height).contains(y) else { return }
    let place = 3 * (y * self.width + x)
    (self.pixels[place], self.pixels[place + 1], self.pixels[place + 2]) = colour
  }

  mutating func fill(x: Int, y: Int, width: Int, height: Int) {
    for row in y..<y + height {
      for column in x..<x + width { self.set(column, row, (0, 0, 0)) }
    }
  }

  /// A line around a rectangle.
  mutating func frame(x: Int, y: Int, width: Int, height: Int) {
    self.fill(x: x - 3, y: y - 3, width: width + 6, height: 3)
    self.fill(x: x - 3, y: y + height, width: width + 6, height: 3)
    self.fill(x: x - 3, y: y, width: 3, height: height)
    self.fill(x: x + width, y: y, width: 3, height: height)
  }

  /// Text in black.
  mutating func draw(_ ink: Ink, x: Int, y: Int) {
    for row in 0..<ink.height {
      for column in 0..<ink.width {
        let cover = Int(ink[column, row])
        guard cover > 0, (0..<self.width).contains(x + column), (0..<self.height).contains(y + row)
        else { continue }
        let place = 3 * ((y + row) * self.width + x + column)
        for channel in 0..<3 {
          self.pixels[place + channel] = UInt8(
            Int(self.pixels[place + channel]) * (255 - cover) / 255)
        }
      }
    }
  }
}
