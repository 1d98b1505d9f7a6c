internal import CSpectrogramKernels
package import Cores

/// Sound to mel amplitudes, exactly as riffusion's `audio_to_image` computes them: reflect-padded
/// centred frames, a Hann window zero-padded to the transform's length, magnitudes on the 16-bit
/// scale, HTK mel triangles.
///
/// Owned by one thread at a time.
public final class SpectrogramAnalyzer {
  /// What it was made for; they have been checked.
  public let parameters: SpectrogramParameters

  private let transform: RealFourierTransform
  private let filterbank: MelFilterbank
  private let window: [Float]
  private let workers: Workers<Scratch>

  /// What one thread owns while it works on a frame.
  private final class Scratch {
    /// The windowed samples; outside the window they stay zero.
    let real: AlignedBuffer
    let spectrum: AlignedBuffer
    let magnitudes: AlignedBuffer

    init(_ transform: RealFourierTransform) {
      real = AlignedBuffer(transform.length)
      spectrum = AlignedBuffer(2 * transform.bins)
      magnitudes = AlignedBuffer(transform.bins)
    }
  }

  /// Neighbouring frames that one thread takes together.
  private static let tile = 32
  /// Frames between two looks at whether to go on.
  private static let batch = 256

  /// The most samples a channel may have: an hour at 48 kHz.
  public static let maximumSamples = 60 * 60 * 48_000

  /// - Parameters:
  ///   - parameters: what picture the sound is to become.
  ///   - threads: that share the frames, 1 or more, of which 64 are used at most; the result does not
  ///     depend on it.
  /// - Throws: `invalidParameter`.
  public convenience init(
    _ parameters: SpectrogramParameters, threads: Int = 1
  ) throws(SpectrogramError) {
    try self.init(parameters, pool: .own(threads: threads))
  }

  /// The same with the threads of `pool`: ``analyze(_:check:)`` is only called by whoever may use it.
  package init(
    _ parameters: SpectrogramParameters, pool: ComputePool
  ) throws(SpectrogramError) {
    try parameters.validate()
    self.parameters = parameters
    let transform = try RealFourierTransform(length: parameters.transformLength)
    self.transform = transform
    filterbank = MelFilterbank(parameters)
    // Full scale is 32,768: the 16-bit scale comes with the window.
    window = hannWindow(parameters.windowLength).map { $0 * 32_768 }
    workers = Workers(pool) { Scratch(transform) }
  }

  /// Analyses sound at `parameters.sampleRate`, full scale ±1, shape (channel, sample). Mono
  /// parameters take the mean of the channels; stereo ones take the first two, or one twice.
  ///
  /// - Parameters:
  ///   - channels: at least one, all of one length, at most ``maximumSamples``.
  ///   - check: called a few times a second of work; what it throws ends the analysis.
  /// - Returns: 1 + samples / hop frames of one or two channels.
  /// - Throws: `invalidAudio` where there are no samples, `tooLarge` above `maximumSamples`.
  public func analyze(
    _ channels: [[Float]], check: () throws -> Void = {}
  ) throws -> MelSpectrogram {
    let sounds = try layout(channels)
    let count = sounds[0].count
    let frames = 1 + count / parameters.hopLength
    guard frames <= RasterImage.maximumWidth else {
      throw SpectrogramError(
        .tooLarge, field: "audio",
        "the sound takes \(frames) columns, but a picture has at most \(RasterImage.maximumWidth)")
    }
    let bins = parameters.melBins
    var values = [Float](repeating: 0, count: sounds.count * bins * frames)
    for (channel, sound) in sounds.enumerated() {
      for start in stride(from: 0, to: frames, by: Self.batch) {
        try check()
        let count = min(Self.batch, frames - start)
        values.withUnsafeMutableBufferPointer { values in
          // Proven: values has channels × bins × frames elements, so it is not empty.
          let plane = values.baseAddress! + channel * bins * frames
          workers.run((count + Self.tile - 1) / Self.tile) { tile, scratch in
            let first = start + tile * Self.tile
            for frame in first..<min(first + Self.tile, start + count) {
              analyze(sound, frame: frame, scratch, into: plane + frame, stride: frames)
            }
          }
        }
      }
    }
    return try MelSpectrogram(channels: sounds.count, bins: bins, frames: frames, values: values)
  }

  private func layout(_ channels: [[Float]]) throws(SpectrogramError) -> [[Float]] {
    guard let first = channels.first, !first.isEmpty else {
      throw SpectrogramError(.invalidAudio, field: "audio", "the sound is empty")
    }
    guard channels.allSatisfy({ $0.count == first.count }) else {
      throw SpectrogramError(.invalidAudio, field: "audio", "the channels differ in length")
    }
    guard first.count <= Self.maximumSamples else {
      throw SpectrogramError(
        .tooLarge, field: "audio",
        "the sound has \(first.count) samples per channel; the limit is \(Self.maximumSamples)")
    }
    if parameters.stereo { return [first, channels.count > 1 ? channels[1] : first] }
    guard channels.count > 1 else { return [first] }
    var mean = first
    for channel in channels.dropFirst() {
      for index in mean.indices { mean[index] += channel[index] }
    }
    let scale = 1 / Float(channels.count)
    for index in mean.indices { mean[index] *= scale }
    return [mean]
  }

  /// Writes one frame's amplitudes, `stride` apart from bin to bin.
  private func analyze(
    _ sound: [Float], frame: Int, _ scratch: Scratch, into output: UnsafeMutablePointer<Float>,
    stride: Int
  ) {
    load(sound, frame: frame, into: scratch.real)
    transform.forward(scratch.real, to: scratch.spectrum)
    spectrogram_magnitudes(scratch.spectrum.pointer, scratch.magnitudes.pointer, transform.bins)
    filterbank.matrix.multiply(scratch.magnitudes.pointer, into: output, stride: stride)
  }

  /// Puts the windowed samples of one frame into `real`. Outside the window it stays zero.
  private func load(_ sound: [Float], frame: Int, into real: AlignedBuffer) {
    let lead = (transform.length - window.count) / 2
    let start = frame * parameters.hopLength - transform.length / 2 + lead
    let target = real.pointer + lead
    if start >= 0, start + window.count <= sound.count {
      sound.withUnsafeBufferPointer { sound in
        // Proven: the range start ..< start + window lies within the sound.
        spectrogram_multiply(sound.baseAddress! + start, window, target, window.count)
      }
    } else {
      for index in window.indices {
        target[index] = sound[reflected(start + index, count: sound.count)] * window[index]
      }
    }
  }
}
