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
/// before them are forgotten, later ones are not painted yet. It may have no end.
///
/// Whoever reads it keeps to the columns that are there; others are silence.
final class PaintedColumns: MelFrames {
  let channels: Int
  let bins: Int

  private let kept: Int
  /// Amplitude of each grey level.
  private let amplitudes: [Float]
  private let state: Mutex<State>

  private struct State {
    /// Column of the whole that `columns` begins with.
    var first = 0
    /// Grey levels, (column, channel, bin), lowest bin first.
    var columns: [[UInt8]] = []
    /// Columns of the whole; nil where no end is known.
    var total: Int?
    /// From here on, columns are about to be painted over.
    var held = Int.max

    var end: Int { first + columns.count }
  }

  /// - Parameters:
  ///   - frames: columns of the whole; nil where no end is known.
  ///   - kept: as many are remembered, at least.
  ///   - maximum: amplitude of black.
  init(
    _ parameters: SpectrogramParameters, bins: Int, frames: Int?, kept: Int, maximum: Double
  ) {
    self.channels = parameters.channels
    self.bins = bins
    self.state = Mutex(State(total: frames))
    self.kept = kept
    self.amplitudes = (0..<256).map {
      Float(pow(Double(255 - $0) / 255, 1 / parameters.power) * maximum)
    }
  }

  /// All columns of a piece that has an end; of one that has none yet those that can be read.
  var frames: Int { self.state.withLock { $0.total ?? min($0.end, $0.held) } }

  var isComplete: Bool { self.state.withLock { $0.total != nil } }

  /// Columns that are painted.
  var painted: Int { self.state.withLock { min($0.end, $0.total ?? .max) } }

  /// Keeps readers from the columns that are about to be painted over; `nil` lets them on.
  func hold(from column: Int?) { self.state.withLock { $0.held = column ?? .max } }

  /// Gives a piece without an end one, at a column that is painted.
  func end(at column: Int) { self.state.withLock { $0.total = column } }

  /// Adds a window whose first `overlap` columns are there already: it fades in over them. The picture
  /// has the whole's rows.
  func append(_ image: RGBImage, overlap: Int) {
    let end = self.state.withLock { $0.end }
    self.paint(image, at: end - overlap, fade: end - overlap..<end)
  }

  /// Paints a window that begins at `start` over what is there: before the fade that stays, after it
  /// the window is all there is, up to its own end.
  ///
  /// The fade lies in the window, and in what is painted.
  func paint(_ image: RGBImage, at start: Int, fade: Range<Int>) {
    self.state.withLock { state in
      state.columns.removeLast(state.end - fade.upperBound)
      for column in fade.lowerBound..<start + image.width {
        let values = self.levels(image, column - start)
        guard column < fade.upperBound else {
          state.columns.append(values)
          continue
        }
        let share = (Double(column - fade.lowerBound) + 0.5) / Double(fade.count)
        let place = column - state.first
        state.columns[place] = zip(state.columns[place], values).map { old, new in
          UInt8((Double(old) * (1 - share) + Double(new) * share).rounded())
        }
      }
      let forgotten = max(0, state.columns.count - self.kept)
      state.columns.removeFirst(forgotten)
      state.first += forgotten
      state.held = .max
    }
  }

  /// The last `count` columns that are there as a picture that goes on in white to `width` columns.
  func tail(_ count: Int, width: Int) -> RGBImage {
    let end = self.state.withLock { $0.end }
    return self.picture(end - count..<end, width: width)
  }

  /// Columns that are there as a picture that goes on in white to `width` columns; white as well where
  /// they are not there.
  func picture(_ range: Range<Int>, width: Int) -> RGBImage {
    var pixels = [UInt8](repeating: 255, count: 3 * width * self.bins)
    self.state.withLock { state in
      for (column, frame) in range.enumerated()
      where state.columns.indices.contains(frame - state.first) {
        self.write(state.columns[frame - state.first], to: &pixels, column, width: width)
      }
    }
    return RGBImage(width: width, height: self.bins, pixels: pixels)
  }

  /// The whole, where nothing was forgotten and all is painted.
  func picture() -> RGBImage { self.picture(0..<self.frames, width: self.frames) }

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
