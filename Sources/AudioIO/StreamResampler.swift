internal import CSoxr

/// Samples of one rate to another, through libsoxr, a chunk at a time.
///
/// n samples in come out as exactly round(n · out / in), delay removed. Owned by one thread at a
/// time; it is the one owner of its soxr handle.
public final class StreamResampler {
  /// How exact the filter is, and so how much it computes.
  public enum Quality: Sendable {
    /// 20 bits, soxr's HQ.
    case high
    /// 28 bits, soxr's VHQ.
    case veryHigh
  }

  /// Of the samples that come in, in hertz.
  public let inputRate: Int
  /// Of the samples that go out, in hertz.
  public let outputRate: Int
  /// 1 to 8, in and out.
  public let channels: Int

  /// Nil where both rates are the same: samples then pass unchanged.
  private let handle: soxr_t?
  private var consumed = 0
  private var produced = 0
  private var finished = false

  /// Rates in hertz, 1,000 ... 384,000; channels 1 ... 8. Throws `invalidParameter`,
  /// `codecFailed`.
  public init(
    from inputRate: Int, to outputRate: Int, channels: Int, quality: Quality = .high
  ) throws(AudioIOError) {
    for (field, rate) in [("input rate", inputRate), ("output rate", outputRate)] {
      guard AudioReader.sampleRates.contains(rate) else {
        throw AudioIOError(
          .invalidParameter, field: field, "\(field) must be 1000 to 384000 Hz, not \(rate)")
      }
    }
    self.inputRate = inputRate
    self.outputRate = outputRate
    self.channels = try checkedChannels(channels)
    guard inputRate != outputRate else {
      handle = nil
      return
    }
    var failure: soxr_error_t?
    // Split channels of 32-bit floats, one thread.
    var layout = soxr_io_spec(SOXR_FLOAT32_S, SOXR_FLOAT32_S)
    var recipe = soxr_quality_spec(
      UInt(quality == .high ? SOXR_HQ : SOXR_VHQ), 0)
    var runtime = soxr_runtime_spec(1)
    let memory = MemoryWatch()
    guard
      let handle = soxr_create(
        Double(inputRate), Double(outputRate), UInt32(channels), &failure, &layout, &recipe,
        &runtime)
    else {
      try memory.check("resampler")
      throw AudioIOError(
        .codecFailed, field: "resampler", failure.map { String(cString: $0) } ?? "no memory")
    }
    self.handle = handle
  }

  deinit { soxr_delete(handle) }

  /// Takes samples (channel, sample) and returns those that are ready, maybe none. Throws
  /// `invalidSamples` unless there are `channels` channels of one length, `codecFailed`.
  public func append(_ samples: [[Float]]) throws(AudioIOError) -> [[Float]] {
    let count = try samples.checkedCount(channels: channels)
    guard !finished else {
      throw AudioIOError(
        .invalidSamples, field: "resampler", "the resampler has ended and takes no more samples")
    }
    consumed += count
    guard handle != nil else {
      produced += count
      return samples
    }
    guard count > 0 else { return empty }
    return try process(samples, count: count)
  }

  /// The samples that were still held back: with them, the length is exact. Throws `codecFailed`.
  public func finish() throws(AudioIOError) -> [[Float]] {
    guard !finished else { return empty }
    finished = true
    guard handle != nil else { return empty }
    let expected = Self.outputCount(consumed, from: inputRate, to: outputRate)
    var rest = empty
    while produced < expected {
      let more = try process(nil, count: 0)
      guard !more[0].isEmpty else { break }
      for channel in rest.indices { rest[channel] += more[channel] }
    }
    // soxr's own count may be one off ours: a sample too many is dropped, one too few is silence.
    let wanted = max(0, rest[0].count + expected - produced)
    for channel in rest.indices {
      if rest[channel].count > wanted { rest[channel].removeLast(rest[channel].count - wanted) }
      rest[channel] += [Float](repeating: 0, count: wanted - rest[channel].count)
    }
    produced = expected
    return rest
  }

  /// A whole sound at once. Throws what ``init(from:to:channels:quality:)`` and ``append(_:)`` throw.
  public static func resample(
    _ clip: AudioClip, to rate: Int, quality: Quality = .high
  ) throws(AudioIOError) -> AudioClip {
    let resampler = try StreamResampler(
      from: clip.sampleRate, to: rate, channels: clip.channels.count, quality: quality)
    var channels = try resampler.append(clip.channels)
    let rest = try resampler.finish()
    for channel in channels.indices { channels[channel] += rest[channel] }
    return AudioClip(sampleRate: rate, channels: channels)
  }

  /// round(count · outputRate / inputRate), a half upwards.
  public static func outputCount(_ count: Int, from inputRate: Int, to outputRate: Int) -> Int {
    // In whole and rest, so that no product overflows.
    let (whole, rest) = count.quotientAndRemainder(dividingBy: inputRate)
    return whole * outputRate + (2 * rest * outputRate + inputRate) / (2 * inputRate)
  }

  private var empty: [[Float]] { Array(repeating: [], count: channels) }

  /// Runs soxr over `input`, or over its end where that is nil, until it has taken all of it.
  private func process(_ input: [[Float]]?, count: Int) throws(AudioIOError) -> [[Float]] {
    let room = Self.outputCount(count, from: inputRate, to: outputRate) + 4_096
    let output = PlanarBuffer(channels: channels, count: room)
    let source = input.map { PlanarBuffer($0, count: count) }
    var result = empty
    var taken = 0
    repeat {
      var (read, written) = (0, 0)
      let failure: soxr_error_t?
      let memory = MemoryWatch()
      if let source {
        failure = source.withPointers(from: taken) { input in
          output.withPointers(from: 0) { output in
            soxr_process(handle, input, count - taken, &read, output, room, &written)
          }
        }
      } else {
        failure = output.withPointers(from: 0) { output in
          soxr_process(handle, nil, 0, nil, output, room, &written)
        }
      }
      if let failure {
        try memory.check("resampler")
        throw AudioIOError(.codecFailed, field: "resampler", String(cString: failure))
      }
      taken += read
      produced += written
      for channel in 0..<channels { result[channel] += output.samples(channel, written) }
      if read == 0 && written == 0 { break }
    } while taken < count
    return result
  }
}
