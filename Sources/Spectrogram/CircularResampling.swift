/// A sound that repeats itself for ever, brought to another number of samples: by its Fourier series, so
/// that it still does.
package enum CircularResampling {
  /// - Parameters:
  ///   - period: one period, not empty.
  ///   - count: samples that it is to have, 1 or more.
  /// - Throws: `outOfMemory`.
  package static func resample(
    _ period: [Float], to count: Int
  ) throws(SpectrogramError) -> [Float] {
    guard count != period.count else { return period }
    let analysis = try RealFourierTransform(length: period.count)
    let synthesis = try RealFourierTransform(length: count)
    let source = AlignedBuffer(period.count)
    period.withUnsafeBufferPointer { values in
      for (index, value) in values.enumerated() { source.pointer[index] = value }
    }
    let room = AlignedBuffer(2 * max(analysis.bins, synthesis.bins))
    analysis.forward(source, to: room)
    // Above what both have there is nothing. Where the shorter one is even, its highest bin stands for
    // two of the longer one's.
    let shorter = min(period.count, count)
    let shared = shorter / 2 + 1
    if shorter % 2 == 0 {
      let factor: Float = count > period.count ? 0.5 : 2
      room.pointer[2 * (shared - 1)] *= factor
      room.pointer[2 * (shared - 1) + 1] = 0
    }
    (room.pointer + 2 * shared).update(repeating: 0, count: room.count - 2 * shared)
    let target = AlignedBuffer(count)
    synthesis.backward(room, to: target)
    let scale = 1 / Float(period.count)
    return (0..<count).map { target.pointer[$0] * scale }
  }
}
