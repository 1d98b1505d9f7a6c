import Spectrogram

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How loud each place of a spectrogram is: rows from the highest frequency down, 255 is loudest.
struct Levels {
  let width: Int
  let height: Int
  /// height × width.
  let values: [UInt8]
  /// How it maps to sound; riffusion's where the picture does not say.
  let parameters: SpectrogramParameters

  /// - Throws: `SpectrogramError` where it is not a picture that can be read.
  init(picture bytes: [UInt8]) throws {
    let picture = try TaggedImage(file: bytes)
    let exif = try picture.exif.flatMap { try SpectrogramEXIF.read($0) }
    var parameters = exif?.parameters ?? SpectrogramParameters()
    // The rows that are there count.
    parameters.melBins = picture.image.height
    self.parameters = parameters
    (self.width, self.height) = (picture.image.width, picture.image.height)
    // Black is loud; stereo has left in green and right in blue, mono the same in both.
    let pixels = picture.image.pixels
    var values: [UInt8] = []
    values.reserveCapacity(self.width * self.height)
    for place in 0..<self.width * self.height {
      let (green, blue) = (Int(pixels[3 * place + 1]), Int(pixels[3 * place + 2]))
      values.append(UInt8(255 - (green + blue + 1) / 2))
    }
    self.values = values
  }

  private init(width: Int, height: Int, values: [UInt8], parameters: SpectrogramParameters) {
    self.width = width
    self.height = height
    self.values = values
    self.parameters = parameters
  }

  /// Seconds that it lasts.
  var duration: Double { Double(self.width * self.parameters.stepMilliseconds) / 1_000 }

  /// Another size: each place is the mean of those that it covers, or the nearest one.
  func scaled(width: Int, height: Int) -> Levels {
    func ranges(_ count: Int, _ size: Int) -> [Range<Int>] {
      (0..<count).map { index in
        let start = index * size / count
        return start..<max(start + 1, (index + 1) * size / count)
      }
    }
    let (columns, rows) = (ranges(width, self.width), ranges(height, self.height))
    var values: [UInt8] = []
    values.reserveCapacity(width * height)
    for row in rows {
      for column in columns {
        var sum = 0
        for line in row {
          for place in column { sum += Int(self.values[line * self.width + place]) }
        }
        values.append(UInt8(sum / (row.count * column.count)))
      }
    }
    return Levels(width: width, height: height, values: values, parameters: self.parameters)
  }

  /// Where a frequency is, as a share of the height from the bottom; by the scale of HTK, as the pictures
  /// have it. Row `i` from below stands for corner `i + 1` of the `bins + 2` that the mel triangles have.
  func place(ofFrequency hertz: Double) -> Double {
    let (low, high) = (
      Self.mel(Double(self.parameters.minFrequency)), Self.mel(Double(self.parameters.maxFrequency))
    )
    let corner = (Self.mel(hertz) - low) / (high - low) * Double(self.height + 1)
    return (corner - 0.5) / Double(self.height)
  }

  private static func mel(_ hertz: Double) -> Double { 2_595 * log10(1 + hertz / 700) }

  /// The level, 0 to 255, that lies so many decibels below the loudest.
  func level(decibels: Double) -> Double {
    255 * pow(10, decibels * self.parameters.power / 20)
  }
}
