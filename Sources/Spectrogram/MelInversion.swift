internal import CSpectrogramKernels

/// Mel amplitudes back to Fourier magnitudes that are nowhere negative.
///
/// The magnitudes x solve W x = mel, W being the analysis' own triangles on its own Fourier bins,
/// carried to the recovery's coarser bins by linear interpolation. There are fewer mel bins than
/// Fourier bins, so the start decides among the solutions: it is flat, and multiplicative updates
/// x ← x · Wᵀ(mel / W x) / Wᵀ1 (Richardson 1972, Lucy 1974; Lee and Seung 2001 for the divergence
/// they descend) keep it smooth, non-negative, and exactly zero where the picture is white.
struct MelInversion: Sendable {
  /// Fourier bins that carry sound, from 0 Hz; those above are zero.
  let bins: Int

  var melBins: Int { forward.rows }

  /// (mel bin, Fourier bin)
  private let forward: BandedMatrix
  /// Its transpose, rows of sum 1.
  private let backward: BandedMatrix
  private let rounds: Int
  /// The same two for frames one by one.
  private let forwardLanes: LanedMatrix
  private let backwardLanes: LanedMatrix

  /// - Parameters:
  ///   - sampleRate: of the recovery, in hertz.
  ///   - transformLength: of the recovery, in samples.
  ///   - rounds: multiplicative updates.
  /// - Precondition: `parameters` are valid.
  init(_ parameters: SpectrogramParameters, sampleRate: Int, transformLength: Int, rounds: Int = 12)
  {
    let filterbank = MelFilterbank(parameters)
    let binWidth = Double(sampleRate) / Double(transformLength)
    let highest = Double(parameters.maxFrequency) / binWidth
    bins = min(Int(highest.rounded(.up)) + 1, transformLength / 2 + 1)
    let windowLength = Double(parameters.windowMilliseconds) / 1000 * Double(sampleRate)
    // A magnitude grows with the samples under its window.
    let gain = Double(parameters.windowLength) / windowLength
    forward = Self.carried(filterbank, to: binWidth, bins: bins, gain: gain)
    backward = forward.normalisedTranspose()
    forwardLanes = LanedMatrix(forward)
    backwardLanes = LanedMatrix(backward)
    self.rounds = rounds
  }

  /// The analysis' matrix over Fourier bins of `width` hertz.
  private static func carried(
    _ filterbank: MelFilterbank, to width: Double, bins: Int, gain: Double
  ) -> BandedMatrix {
    let fine = filterbank.matrix
    let ratio = filterbank.binWidth / width
    if ratio > 1 {
      // The analysis' bins are the coarser ones: sample its triangles at ours instead, each of
      // which stands for a part of one of its bins.
      let sampled = MelFilterbank.triangles(
        corners: filterbank.corners, binWidth: width, columns: bins)
      let bands = (0..<sampled.rows).map { row -> (start: Int, values: [Float]) in
        // A triangle that held none of the analysis' bins says nothing about the sound.
        guard fine.band(row).values.contains(where: { $0 > 0 }) else { return (0, []) }
        let (start, values) = sampled.band(row)
        return (start, values.map { $0 * Float(gain / ratio) })
      }
      return BandedMatrix(columns: bins, bands: bands)
    }
    let bands = (0..<fine.rows).map { row -> (start: Int, values: [Float]) in
      let (start, values) = fine.band(row)
      let first = Int((Double(start) * ratio).rounded(.down))
      let last = Int((Double(start + values.count - 1) * ratio).rounded(.down)) + 1
      guard !values.isEmpty, first < bins else { return (0, []) }
      var carried = [Double](repeating: 0, count: last - first + 1)
      for (place, value) in values.enumerated() {
        let position = Double(start + place) * ratio
        let lower = Int(position.rounded(.down))
        let fraction = position - Double(lower)
        carried[lower - first] += Double(value) * (1 - fraction) * gain
        carried[lower - first + 1] += Double(value) * fraction * gain
      }
      return (first, carried.prefix(bins - first).map { Float($0) })
    }
    return BandedMatrix(columns: bins, bands: bands)
  }

  /// Room for one thread's work on a frame.
  final class FrameWorkspace {
    fileprivate let magnitudes: AlignedBuffer
    fileprivate let estimate: AlignedBuffer
    fileprivate let gains: AlignedBuffer

    init(_ inversion: MelInversion) {
      let (forward, backward) = (inversion.forwardLanes, inversion.backwardLanes)
      magnitudes = AlignedBuffer(inversion.bins + forward.slack)
      estimate = AlignedBuffer(forward.outputCount + backward.slack)
      gains = AlignedBuffer(backward.outputCount)
    }
  }

  /// One multiplicative update of a frame's complex bins, interleaved, towards its mel amplitudes:
  /// their phases stay.
  func refine(
    _ spectrum: UnsafeMutablePointer<Float>, towards mel: UnsafePointer<Float>,
    _ workspace: FrameWorkspace
  ) {
    let (magnitudes, estimate) = (workspace.magnitudes.pointer, workspace.estimate.pointer)
    spectrogram_magnitudes(spectrum, magnitudes, bins)
    forwardLanes.multiply(magnitudes, into: estimate)
    spectrogram_ratio(mel, estimate, estimate, melBins)
    backwardLanes.multiply(estimate, into: workspace.gains.pointer)
    spectrogram_scale(spectrum, workspace.gains.pointer, bins)
  }

  /// Room for one thread's work on a tile.
  final class Workspace {
    /// Filled by the caller: (mel bin, tile).
    let mel: AlignedBuffer
    /// The result: (Fourier bin, tile).
    let magnitudes: AlignedBuffer
    fileprivate let estimate: AlignedBuffer
    fileprivate let correction: AlignedBuffer

    init(_ inversion: MelInversion) {
      mel = AlignedBuffer(inversion.forward.rows * Int(SPECTROGRAM_TILE))
      estimate = AlignedBuffer(inversion.forward.rows * Int(SPECTROGRAM_TILE))
      magnitudes = AlignedBuffer(inversion.bins * Int(SPECTROGRAM_TILE))
      correction = AlignedBuffer(inversion.bins * Int(SPECTROGRAM_TILE))
    }
  }

  /// Frames that `invert` handles at once.
  static var tile: Int { Int(SPECTROGRAM_TILE) }

  /// `workspace.mel` to `workspace.magnitudes`.
  func invert(_ workspace: Workspace) {
    let (mel, estimate) = (workspace.mel, workspace.estimate)
    let (magnitudes, correction) = (workspace.magnitudes, workspace.correction)
    magnitudes.pointer.update(repeating: 1, count: magnitudes.count)
    for _ in 0..<max(rounds, 1) {
      forward.multiplyTile(magnitudes.pointer, into: estimate.pointer)
      spectrogram_ratio(mel.pointer, estimate.pointer, estimate.pointer, mel.count)
      backward.multiplyTile(estimate.pointer, into: correction.pointer)
      spectrogram_multiply(
        magnitudes.pointer, correction.pointer, magnitudes.pointer, magnitudes.count)
    }
  }
}
