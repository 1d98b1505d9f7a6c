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
    /// From where on columns are about to be painted over.
    var hold: Hold?
    /// Columns that can change no more, and those that whoever reads them needs beside them.
    var read = 0
    var required = 0
    /// Where the whole is to end as soon as it is painted so far.
    var closing: Int?

    var end: Int { first + columns.count }
    /// Columns that can be read.
    var available: Int { total ?? min(end, hold?.column ?? .max) }

    mutating func completeIfPainted() {
      if let closing, total == nil, end >= closing { total = closing }
    }
  }

  /// Columns that are about to be painted over, from a beat on.
  struct Hold {
    var column: Int
    /// Beats on which it may begin later instead, a fraction of columns; nil: anywhere.
    var beats: Beats?
    /// The last column from which it may begin.
    var last: Int
    fileprivate var isSettled = false

    init(column: Int, beats: Beats?, last: Int) {
      self.column = column
      self.beats = beats
      self.last = last
    }
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
  var frames: Int { self.state.withLock { $0.total ?? max($0.available, $0.required) } }

  var isComplete: Bool { self.state.withLock { $0.total != nil } }

  /// Columns that are painted.
  var painted: Int { self.state.withLock { min($0.end, $0.total ?? .max) } }

  /// Columns that can change no more.
  var read: Int { self.state.withLock { $0.read } }

  /// Whether the piece is to end, or has an end.
  var isClosing: Bool { self.state.withLock { $0.closing != nil || $0.total != nil } }

  /// Claims columns for a reader that reads the first `count` and needs `required` to be there; they change
  /// no more. False where they are not all there.
  func claim(_ count: Int, requiring required: Int) -> Bool {
    self.state.withLock { state in
      guard state.total != nil || required <= state.available else { return false }
      state.read = max(state.read, min(count, state.available))
      state.required = max(state.required, min(required, state.available))
      return true
    }
  }

  /// Keeps readers from the columns that are about to be painted over; `nil` lets them on. False where they
  /// have been read.
  @discardableResult
  func hold(_ hold: Hold?) -> Bool {
    self.state.withLock { state in
      guard hold.map({ $0.column >= state.read }) ?? true else { return false }
      state.hold = hold
      return true
    }
  }

  /// Lets a reader that needs `required` columns read on in what is about to be painted over: that begins on
  /// a later beat then. False where there is none.
  func postpone(past required: Int) -> Bool {
    self.state.withLock { state in
      guard var hold = state.hold, !hold.isSettled else { return false }
      hold.column =
        hold.beats.map { Int($0.next(after: Double(required)).rounded()) } ?? required
      guard hold.column <= min(hold.last, state.end - 1) else { return false }
      state.hold = hold
      return true
    }
  }

  /// The column from which what is held is painted over, once and for all; nil where nothing is held any more.
  func settle() -> Int? {
    self.state.withLock { state in
      state.hold?.isSettled = true
      return state.hold?.column
    }
  }

  /// Gives a piece without an end one, at a column that is painted.
  func end(at column: Int) { self.state.withLock { $0.total = column } }

  /// Gives a piece without an end one, at a column or what has been read beyond it, as soon as it is painted
  /// so far. Nothing is held any more.
  func close(at column: Int) {
    self.state.withLock { state in
      guard state.total == nil else { return }
      state.hold = nil
      state.closing = max(column, state.read)
      state.completeIfPainted()
    }
  }

  /// Adds a window whose first `overlap` columns are there already: it fades in over them. The picture
  /// has the whole's rows.
  func append(_ image: RasterImage, overlap: Int) {
    let end = self.state.withLock { $0.end }
    self.paint(image, at: end - overlap, fade: end - overlap..<end)
  }

  /// Paints a window that begins at `start` over what is there: before the fade that stays, after it
  /// the window is all there is, up to its own end. What has been read stays, too.
  ///
  /// The fade lies in the window, and in what is painted.
  func paint(_ image: RasterImage, at start: Int, fade: Range<Int>) {
    self.state.withLock { state in
      if state.closing != nil, state.total != nil { return }
      let first = min(max(fade.lowerBound, state.read), state.end)
      let fade = first..<max(first, fade.upperBound)
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
      state.hold = nil
      state.completeIfPainted()
    }
  }

  /// The last `count` columns that are there as a picture that goes on in white to `width` columns.
  func tail(_ count: Int, width: Int) -> RasterImage {
    let end = self.state.withLock { $0.end }
    return self.picture(end - count..<end, width: width)
  }

  /// Columns that are there as a picture that goes on in white to `width` columns; white as well where
  /// they are not there.
  func picture(_ range: Range<Int>, width: Int) -> RasterImage {
    var pixels = [UInt8](repeating: 255, count: 3 * width * self.bins)
    self.state.withLock { state in
      for (column, frame) in range.enumerated()
      where state.columns.indices.contains(frame - state.first) {
        self.write(state.columns[frame - state.first], to: &pixels, column, width: width)
      }
    }
    return RasterImage(width: width, height: self.bins, pixels: pixels)
  }

  /// The whole, where nothing was forgotten and all is painted.
  func picture() -> RasterImage { self.picture(0..<self.frames, width: self.frames) }

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
  private func levels(_ image: RasterImage, _ column: Int) -> [UInt8] {
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
