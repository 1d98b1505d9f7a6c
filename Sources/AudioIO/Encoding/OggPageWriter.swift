internal import COgg

/// Packets of one logical Ogg stream to pages (RFC 3533), through libogg: the one owner of its
/// stream state, confined to its thread.
final class OggPageWriter {
  // In memory of its own: libogg keeps pointers into the state from call to call.
  private let state: UnsafeMutablePointer<ogg_stream_state>
  private var packets: Int64 = 0

  /// Throws `outOfMemory`.
  init(serialNumber: UInt32) throws(AudioIOError) {
    state = .allocate(capacity: 1)
    state.initialize(to: ogg_stream_state())
    guard ogg_stream_init(state, Int32(bitPattern: serialNumber)) == 0 else {
      // `deinit` frees the state.
      throw MemoryWatch.failure("ogg stream")
    }
  }

  deinit {
    ogg_stream_clear(state)
    state.deallocate()
  }

  /// Adds a packet whose last sample is number `granule` of the stream. Throws `outOfMemory`.
  func append(
    _ bytes: some Sequence<UInt8>, granule: Int, endOfStream: Bool = false
  ) throws(AudioIOError) {
    var bytes = Array(bytes)
    let count = bytes.count
    let status = bytes.withUnsafeMutableBufferPointer { bytes in
      var packet = ogg_packet(
        packet: bytes.baseAddress, bytes: count, b_o_s: packets == 0 ? 1 : 0,
        e_o_s: endOfStream ? 1 : 0, granulepos: ogg_int64_t(granule), packetno: packets)
      return ogg_stream_packetin(state, &packet)
    }
    guard status == 0 else {
      throw MemoryWatch.failure("ogg stream")
    }
    packets += 1
  }

  /// Every packet that was added and is in no page yet, in whole pages.
  func flush() -> [UInt8] {
    var bytes: [UInt8] = []
    var page = ogg_page()
    while ogg_stream_flush(state, &page) != 0 {
      bytes.append(contentsOf: UnsafeBufferPointer(start: page.header, count: page.header_len))
      bytes.append(contentsOf: UnsafeBufferPointer(start: page.body, count: page.body_len))
    }
    return bytes
  }
}
