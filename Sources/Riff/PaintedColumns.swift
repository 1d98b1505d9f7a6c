import Diffusion
import Spectrogram
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A long picture whose windows are painted one after another: the last columns are there, those
/// before them are forgotten, later ones are not painted yet.
///
/// Whoever reads it keeps to the columns that are there; others are silence.
final class PaintedColumns: MelFrames {
  let channels: Int
  let bins: Int
  let frames: Int

  private let kept: Int
  /// Amplitude of each grey level.
  private let amplitudes: [Float]
  private let state = Mutex(State())

  private struct State {
    /// Column of the whole that `columns` begins with.
    var first = 0
    /// Grey levels, (column, channel, bin), lowest bin first.
    var columns: [[UInt8]] = []

    var end: Int { first + columns.count }
  }

  /// - Parameters:
  ///   - frames: columns of the whole.
  ///   - kept: as many are remembered, at least.
  ///   - maximum: amplitude of black.
  init(
    _ parameters: SpectrogramParameters, bins: Int, frames: Int, kept: Int, maximum: Double
  ) {
    self.channels = parameters.channels
    self.bins = bins
    self.frames = frames
    self.kept = kept
    self.amplitudes = (0..<256).map {
      Float(pow(Double(255 - $0) / 255, 1 / parameters.power) * maximum)
    }
  }

  /// Columns that are painted.
  var painted: Int { self.state.withLock { min($0.end, self.frames) } }

  /// Adds a window whose first `overlap` columns are there already: it fades in over them. The picture
  /// has the whole's rows.
  func append(_ image: RGBImage, overlap: Int) {
    self.state.withLock { state in
      let start = state.columns.count - overlap
      for column in 0..<image.width {
        let values = self.levels(image, column)
        guard column < overlap else {
          state.columns.append(values)
          continue
        }
        let share = (Double(column) + 0.5) / Double(overlap)
        let place = start + column
        state.columns[place] = zip(state.columns[place], values).map { old, new in
          UInt8((Double(old) * (1 - share) + Double(new) * share).rounded())
        }
      }
      let forgotten = max(0, state.columns.count - self.kept)
      state.columns.removeFirst(forgotten)
      state.first += forgotten
    }
  }

  /// The last `count` columns that are there as a picture that goes on in white to `width` columns.
  func tail(_ count: Int, width: Int) -> RGBImage {
    var pixels = [UInt8](repeating: 255, count: 3 * width * self.bins)
    self.state.withLock { state in
      for (column, values) in state.columns.suffix(count).enumerated() {
        self.write(values, to: &pixels, column, width: width)
      }
    }
    return RGBImage(width: width, height: self.bins, pixels: pixels)
  }

  /// The whole, where nothing was forgotten and all is painted.
  func picture() -> RGBImage {
    self.state.withLock { state in
      var pixels = [UInt8](repeating: 255, count: 3 * self.frames * self.bins)
      for (column, values) in state.columns.prefix(self.frames).enumerated() {
        self.write(values, to: &pixels, column, width: self.frames)
      }
      return RGBImage(width: self.frames, height: self.bins, pixels: pixels)
    }
  }

  private func write(_ values: [UInt8], to pixels: inout [UInt8], _ column: Int, width: Int) {
    for bin in 0..<self.bins {
      let pixel = 3 * ((self.bins - 1 - bin) * width + column)
      for component in 0..<3 {
        pixels[pixel + component] =
          self.channels == 1
          ? values[bin] : component == 0 ? 0 : values[(component - 1) * self.bins + bin]
      }
    }
  }

  /// One column of a window.
  private func levels(_ image: RGBImage, _ column: Int) -> [UInt8] {
    (0..<self.channels).flatMap { channel in
      (0..<self.bins).map { bin in
        image.pixels[
          3 * ((self.bins - 1 - bin) * image.width + column)
            + (self.channels == 1 ? 0 : channel + 1)]
      }
    }
  }

  func copyFrames(
    _ range: Range<Int>, channel: Int, to output: UnsafeMutablePointer<Float>, stride: Int
  ) {
    self.state.withLock { state in
      for (place, frame) in range.enumerated() {
        let column = frame - state.first
        guard state.columns.indices.contains(column) else {
          for bin in 0..<self.bins { output[bin * stride + place] = 0 }
          continue
        }
        let values = state.columns[column]
        for bin in 0..<self.bins {
          output[bin * stride + place] = self.amplitudes[Int(values[channel * self.bins + bin])]
        }
      }
    }
  }
}
