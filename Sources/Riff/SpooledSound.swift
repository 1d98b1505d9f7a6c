import AudioIO

/// A decoded sound that lies in the spool, so that memory does not grow with its length; its samples are
/// read where they are needed.
final class SpooledSound: Sendable {
  /// In hertz.
  let sampleRate: Int
  let channelCount: Int
  /// Samples a channel.
  let sampleCount: Int
  /// The largest sample, full scale 1.
  let peak: Float
  /// 32-bit floats, the channels' samples in turn.
  private let file: Upload

  private static let sampleSize = MemoryLayout<Float>.size

  /// Decodes a part of a sound. Blocks.
  ///
  /// - Throws: `AudioIOError`, ``JobError`` of kind `resourceExhausted` where the spool is full, and what
  ///   `check` throws.
  init(
    _ reader: AudioReader, _ part: AudioReader.Part, limits: AudioReader.Limits,
    in spool: UploadSpool, check: () throws -> Void
  ) throws {
    let file = try spool.open()
    var peak: Float = 0
    self.channelCount = part.channels ?? reader.channels
    self.sampleRate = part.sampleRate ?? reader.sampleRate
    self.sampleCount = try reader.read(part, limits: limits, check: check) { samples in
      try Self.write(samples, to: file, &peak)
    }
    self.peak = peak
    self.file = file
  }

  /// Another sound, so many times as fast, pitch unchanged. Blocks.
  ///
  /// - Throws: `AudioIOError`, ``JobError`` of kind `resourceExhausted` where the spool is full, and what
  ///   `check` throws.
  init(
    _ sound: SpooledSound, timesAsFast ratio: Double, in spool: UploadSpool,
    check: () throws -> Void
  ) throws {
    let file = try spool.open()
    var (peak, count): (Float, Int) = (0, 0)
    let stretcher = try TempoStretcher(
      sampleRate: sound.sampleRate, channels: sound.channelCount, ratio: ratio)
    func add(_ samples: [[Float]]) throws {
      count += samples[0].count
      try Self.write(samples, to: file, &peak)
    }
    // A second at a time.
    for start in stride(from: 0, to: sound.sampleCount, by: sound.sampleRate) {
      try check()
      try add(
        stretcher.append(
          sound.samples(start..<min(start + sound.sampleRate, sound.sampleCount))))
    }
    try add(stretcher.finish())
    self.channelCount = sound.channelCount
    self.sampleRate = sound.sampleRate
    self.sampleCount = count
    self.peak = peak
    self.file = file
  }

  private static func write(
    _ samples: [[Float]], to file: Upload, _ peak: inout Float
  ) throws {
    var interleaved = [Float]()
    interleaved.reserveCapacity(samples.count * samples[0].count)
    for index in samples[0].indices {
      for channel in samples {
        interleaved.append(channel[index])
        peak = max(peak, abs(channel[index]))
      }
    }
    try file.write(interleaved.withUnsafeBytes { Array($0) }, atMost: .max)
  }

  /// Samples of a range that lies in the sound, (channel, sample).
  ///
  /// - Throws: `AudioIOError` of kind `inputFailed` where the disk does not give them back.
  func samples(_ range: Range<Int>) throws(AudioIOError) -> [[Float]] {
    var interleaved = [Float](repeating: 0, count: range.count * self.channelCount)
    let wanted = interleaved.count * Self.sampleSize
    let start = range.lowerBound * self.channelCount * Self.sampleSize
    let count: Int
    do {
      count = try interleaved.withUnsafeMutableBytes { try self.file.read(at: start, into: $0) }
    } catch let error as AudioIOError {
      throw error
    } catch {
      throw AudioIOError(.inputFailed, field: "upload", "cannot be read back: \(error)")
    }
    guard count == wanted else {
      throw AudioIOError(
        .inputFailed, field: "upload",
        "ended after \(start + count) bytes, where \(start + wanted) were written")
    }
    return (0..<self.channelCount).map { channel in
      (0..<range.count).map { interleaved[$0 * self.channelCount + channel] }
    }
  }
}
