/// Channels of samples in memory of their own, as C libraries with split channels want them.
final class PlanarBuffer {
  private let storage: [UnsafeMutablePointer<Float>]
  private let count: Int

  /// Zeroed.
  init(channels: Int, count: Int) {
    self.count = count
    storage = (0..<channels).map { _ in
      let pointer = UnsafeMutablePointer<Float>.allocate(capacity: max(count, 1))
      pointer.initialize(repeating: 0, count: max(count, 1))
      return pointer
    }
  }

  /// A copy of the first `count` samples of each channel, which hold as many.
  convenience init(_ samples: [[Float]], count: Int) {
    self.init(channels: samples.count, count: count)
    for (channel, values) in samples.enumerated() {
      for index in 0..<count { storage[channel][index] = values[index] }
    }
  }

  deinit { for pointer in storage { pointer.deallocate() } }

  func samples(_ channel: Int, _ count: Int) -> UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(start: storage[channel], count: min(count, self.count))
  }

  /// Lends a C array of the channels' pointers, each `start` samples on.
  func withPointers<Result>(
    from start: Int, _ body: (UnsafeMutableRawPointer) -> Result
  ) -> Result {
    var pointers = storage.map { UnsafeMutableRawPointer($0 + start) }
    return pointers.withUnsafeMutableBytes { bytes in
      // Proven: there is at least one channel, so the array is not empty.
      body(bytes.baseAddress!)
    }
  }
}

extension [[Float]] {
  /// Samples a channel, once there are as many channels as there should be, of one length. Throws
  /// `invalidSamples`.
  func checkedCount(channels: Int) throws(AudioIOError) -> Int {
    guard count == channels else {
      throw AudioIOError(
        .invalidSamples, field: "samples",
        "the samples must have \(channels) channels, not \(count)")
    }
    let length = first?.count ?? 0
    guard allSatisfy({ $0.count == length }) else {
      throw AudioIOError(
        .invalidSamples, field: "samples", "the channels must have the same length")
    }
    return length
  }
}
