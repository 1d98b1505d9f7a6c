internal import CSpectrogramKernels

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A clip's own sound, amplified and damped as a model changed its picture: every channel's
/// short-time spectrum, over its whole band and with its own phases, times the picture's gains.
///
/// A sound's samples go in in any portions and come out as many, later by a window at most; memory
/// does not grow with its length. Where nothing was changed, the sound comes back to the sample.
///
/// Owned by one thread at a time.
public final class GainTransferStream {
  private let edit: PictureEdit
  private let channels: Int
  /// Samples from one column of the picture to the next.
  private let columnLength: Double
  /// Samples of a window and from one to the next, `overlap` of them to a window.
  private let window: Int
  private let hop: Int
  private static let overlap = 8

  private let analysisWindow: [Float]
  /// What makes overlapping squared windows add up to 1, transform's scale and all: (sample of a hop).
  private let synthesisWindow: [Float]
  private let transform: RealFourierTransform
  private let real: AlignedBuffer
  private let spectrum: AlignedBuffer
  /// Gains of a frame's Fourier bins, and of the picture's bins as they stand at its middle.
  private let gains: AlignedBuffer
  private let melGains: AlignedBuffer
  /// Where each Fourier bin lies on the picture's scale: the bin below, and how far above it.
  private let places: [(bin: Int, share: Float)]
  /// Fourier bins above the picture's highest frequency begin here, and take the gain of `top`.
  private let top: Range<Int>
  private let columns: GainColumns

  /// Samples that frames to come still read, (channel, sample); the first is `inputStart`.
  private var input: [[Float]]
  private var inputStart: Int
  /// Sums of frames, (channel, sample); the first is `outputStart`, and a window's worth is there.
  private var output: [[Float]]
  private var outputStart: Int
  /// Middle of the next frame, in samples of the sound.
  private var middle: Int
  /// Samples that came in.
  private var received = 0
  private var finished = false

  /// - Parameters:
  ///   - edit: what the model changed; its columns may come into being while the sound comes.
  ///   - parameters: of the pictures.
  ///   - sampleRate: of the sound, in hertz.
  ///   - channels: of the sound. A picture of one channel serves all of them, one of two the first
  ///     two.
  /// - Throws: `invalidParameter`, `invalidPicture`.
  public init(
    _ edit: PictureEdit, parameters: SpectrogramParameters, sampleRate: Int, channels: Int
  ) throws(SpectrogramError) {
    try parameters.validate()
    guard (1_000...384_000).contains(sampleRate), (1...8).contains(channels) else {
      throw SpectrogramError(
        .invalidParameter, field: "audio",
        "\(channels) channels at \(sampleRate) Hz cannot be taken; 1 to 8 at 1,000 to 384,000 Hz "
          + "can")
    }
    guard edit.bins == parameters.melBins, edit.frames > 0 else {
      throw SpectrogramError(
        .invalidPicture, field: "image",
        "\(edit.bins) bins and \(edit.frames) columns, where the parameters say "
          + "\(parameters.melBins) bins")
    }
    self.edit = edit
    self.channels = channels
    columnLength = Double(parameters.stepMilliseconds) * Double(sampleRate) / 1000
    let length = Double(parameters.windowMilliseconds) * Double(sampleRate) / 1000
    hop = max(1, Int((length / Double(Self.overlap)).rounded()))
    window = hop * Self.overlap
    analysisWindow = hannWindow(window)
    // A transform of two windows: what a gain spreads in time stays out of the window's other end.
    let transform = try RealFourierTransform(
      length: RealFourierTransform.fastLength(atLeast: 2 * window))
    self.transform = transform
    let squares = analysisWindow.map { $0 * $0 }
    let (window, hop) = (window, hop)
    let sums = (0..<hop).map { start in
      stride(from: start, to: window, by: hop).reduce(Float(0)) { $0 + squares[$1] }
    }
    synthesisWindow = analysisWindow.enumerated().map {
      $1 / (sums[$0 % hop] * Float(transform.length))
    }
    real = AlignedBuffer(transform.length)
    spectrum = AlignedBuffer(2 * transform.bins)
    gains = AlignedBuffer(transform.bins)
    melGains = AlignedBuffer(edit.bins)
    let corners = MelFilterbank(parameters).corners
    let binWidth = Double(sampleRate) / Double(transform.length)
    (places, top) = Self.places(
      peaks: Array(corners[1...edit.bins]), binWidth: binWidth, bins: transform.bins)
    columns = GainColumns(edit)
    // The first frame is the first that reaches sample 0.
    let first = -(window / 2) + hop
    middle = first
    inputStart = first - window / 2
    outputStart = inputStart
    input = Array(repeating: Array(repeating: 0, count: -inputStart), count: channels)
    output = Array(repeating: Array(repeating: 0, count: window), count: channels)
  }

  private static func places(
    peaks: [Double], binWidth: Double, bins: Int
  ) -> (places: [(bin: Int, share: Float)], top: Range<Int>) {
    var places: [(bin: Int, share: Float)] = []
    places.reserveCapacity(bins)
    var below = 0
    let last = peaks.count - 1
    var end = bins
    for bin in 0..<bins {
      let frequency = Double(bin) * binWidth
      while below < last, peaks[below + 1] <= frequency { below += 1 }
      if below == last {
        if frequency > peaks[last] { end = min(end, bin) }
        places.append((last, 0))
      } else {
        let share = (frequency - peaks[below]) / (peaks[below + 1] - peaks[below])
        places.append((below, Float(max(0, share))))
      }
    }
    return (places, end..<bins)
  }

  /// Takes samples (channel, sample), full scale ±1, and returns those that are ready, maybe none.
  ///
  /// - Throws: `invalidAudio` unless there are the stream's channels, all of one length, and after
  ///   `finish`.
  public func append(_ samples: [[Float]]) throws(SpectrogramError) -> [[Float]] {
    guard !finished, samples.count == channels,
      samples.allSatisfy({ $0.count == samples[0].count })
    else {
      throw SpectrogramError(
        .invalidAudio, field: "audio",
        "\(samples.count) channels, maybe of different lengths or after the end, where \(channels) "
          + "are due")
    }
    received += samples[0].count
    for channel in 0..<channels { input[channel] += samples[channel] }
    return advance(to: received)
  }

  /// The samples that were held back; with them, as many came out as went in.
  public func finish() -> [[Float]] {
    guard !finished else { return empty }
    finished = true
    let silence = [Float](repeating: 0, count: 2 * window)
    for channel in 0..<channels { input[channel] += silence }
    let end = received
    var result = advance(to: received + 2 * window)
    // Not more than came in, whatever the frames behind the end added.
    let extra = max(0, released - end)
    for channel in 0..<channels { result[channel].removeLast(min(extra, result[channel].count)) }
    released = min(released, end)
    return result
  }

  private var empty: [[Float]] { Array(repeating: [], count: channels) }

  /// Samples of the sound that have been returned.
  private var released = 0

  /// Works on all frames whose samples are there, `end` of them, and takes out what is final.
  private func advance(to end: Int) -> [[Float]] {
    var result = empty
    while middle + window / 2 <= end {
      columns.read(at: Double(middle) / columnLength)
      for channel in 0..<channels {
        if channel < edit.channels { setGains(channel) }
        transfer(channel)
      }
      // The first hop of the sums is final.
      let skipped = max(0, min(hop, -outputStart))
      for channel in 0..<channels {
        result[channel] += output[channel][skipped..<hop]
        output[channel].removeFirst(hop)
        output[channel].append(contentsOf: repeatElement(0, count: hop))
      }
      released += hop - skipped
      outputStart += hop
      middle += hop
    }
    let unused = min(middle - window / 2 - inputStart, input[0].count)
    if unused > 0 {
      for channel in 0..<channels { input[channel].removeFirst(unused) }
      inputStart += unused
    }
    return result
  }

  /// The gains of the Fourier bins from the picture's, linear in decibels between them.
  private func setGains(_ channel: Int) {
    let levels = columns.levels(channel)
    for (bin, place) in places.enumerated() {
      let low = levels[place.bin]
      let level =
        place.share > 0 ? low + place.share * (levels[place.bin + 1] - low) : low
      gains.pointer[bin] = level == 0 ? 1 : expf(level)
    }
    // Above the picture: as loud as its upper quarter became.
    let above = columns.topGain(channel)
    for bin in top { gains.pointer[bin] = above }
  }

  /// One frame of one channel.
  private func transfer(_ channel: Int) {
    let start = middle - window / 2
    input[channel].withUnsafeBufferPointer { input in
      // Proven: `advance` runs a frame only when its window's samples are there, and drops none
      // that the next frame reads.
      spectrogram_multiply(
        input.baseAddress! + (start - inputStart), analysisWindow, real.pointer, window)
    }
    (real.pointer + window).update(repeating: 0, count: transform.length - window)
    transform.forward(real, to: spectrum)
    spectrogram_scale(spectrum.pointer, gains.pointer, transform.bins)
    transform.backward(spectrum, to: real)
    output[channel].withUnsafeMutableBufferPointer { output in
      // Proven: it holds a window's samples, the first of which is this frame's first.
      spectrogram_multiply_add(real.pointer, synthesisWindow, output.baseAddress!, window)
    }
  }
}

/// The gains of a picture's columns in nepers, a stretch of them at hand, and between two columns.
private final class GainColumns {
  private let edit: PictureEdit
  private static let stretch = 64
  /// The stretch: for each channel (frame, bin), and the gain of its upper quarter.
  private var cached: Range<Int> = 0..<0
  private var nepers: [[Float]]
  private var upper: [[Float]]
  private var now: [[Float]]
  private var top: [Float]

  init(_ edit: PictureEdit) {
    self.edit = edit
    nepers = Array(repeating: [], count: edit.channels)
    upper = nepers
    now = Array(repeating: Array(repeating: 0, count: edit.bins), count: edit.channels)
    top = Array(repeating: 1, count: edit.channels)
  }

  /// In nepers, a bin each, as they stand at the column that was read.
  func levels(_ channel: Int) -> [Float] { now[channel] }

  /// As a factor.
  func topGain(_ channel: Int) -> Float { top[channel] }

  /// Sets the gains to those at a column, a fraction for what lies between two; outside the picture
  /// the nearest one's.
  func read(at column: Double) {
    let place = min(max(column, 0), Double(edit.frames - 1))
    let first = Int(place)
    let second = min(first + 1, edit.frames - 1)
    let share = Float(place - Double(first))
    load(first...second)
    let bins = edit.bins
    for channel in 0..<edit.channels {
      let (a, b) = ((first - cached.lowerBound) * bins, (second - cached.lowerBound) * bins)
      for bin in 0..<bins {
        let low = nepers[channel][a + bin]
        now[channel][bin] = low + share * (nepers[channel][b + bin] - low)
      }
      let low = upper[channel][first - cached.lowerBound]
      let level = low + share * (upper[channel][second - cached.lowerBound] - low)
      top[channel] = level == 0 ? 1 : expf(level)
    }
  }

  private func load(_ range: ClosedRange<Int>) {
    guard !(cached.contains(range.lowerBound) && cached.contains(range.upperBound)) else { return }
    let end = min(range.lowerBound + Self.stretch, edit.frames)
    cached = range.lowerBound..<end
    let (count, bins) = (cached.count, edit.bins)
    let tile = AlignedBuffer(bins * count)
    let (edited, unchanged) = (AlignedBuffer(bins * count), AlignedBuffer(bins * count))
    for channel in 0..<edit.channels {
      edit.copyGains(cached, channel: channel, to: tile.pointer, stride: count)
      edit.edited.copyFrames(cached, channel: channel, to: edited.pointer, stride: count)
      edit.unchanged.copyFrames(cached, channel: channel, to: unchanged.pointer, stride: count)
      nepers[channel] = [Float](repeating: 0, count: bins * count)
      upper[channel] = [Float](repeating: 0, count: count)
      for frame in 0..<count {
        var (after, before): (Float, Float) = (0, 0)
        for bin in 0..<bins {
          let place = bin * count + frame
          // A gain of 0 is as low as a single number's logarithm is finite.
          nepers[channel][frame * bins + bin] = logf(max(tile.pointer[place], 1e-30))
          if bin >= bins - max(1, bins / 4) {
            after += edited.pointer[place] * edited.pointer[place]
            before += unchanged.pointer[place] * unchanged.pointer[place]
          }
        }
        upper[channel][frame] = logf(
          max(edit.gain(edited: after.squareRoot(), unchanged: before.squareRoot()), 1e-30))
      }
    }
  }
}
