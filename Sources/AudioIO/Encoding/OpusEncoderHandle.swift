internal import COpus
internal import COpusControl

/// libopus's encoder: the one owner of its handle, confined to its thread.
final class OpusEncoderHandle {
  private let handle: OpaquePointer
  private var packet = [UInt8](repeating: 0, count: maximumPacket)

  /// Samples at 48 kHz by which decoded sound lags what went in.
  let lookahead: Int

  /// The most that libopus recommends giving a packet: three frames' worth.
  private static let maximumPacket = 3 * 1_275 + 7

  /// 48 kHz, tuned for music. Throws `codecFailed`.
  init(channels: Int, bitrate: Int) throws(AudioIOError) {
    var status: Int32 = 0
    let created = opus_encoder_create(48_000, Int32(channels), OPUS_APPLICATION_AUDIO, &status)
    guard let created, status == OPUS_OK else { throw Self.failure(status, "be made") }
    handle = created
    var lookahead: Int32 = 0
    for status in [
      opus_control_set_bitrate(created, Int32(bitrate)),
      opus_control_set_music(created),
      opus_control_set_complexity(created, 10),
      opus_control_get_lookahead(created, &lookahead),
    ] where status != OPUS_OK {
      opus_encoder_destroy(created)
      throw Self.failure(status, "be set up")
    }
    self.lookahead = Int(lookahead)
  }

  deinit { opus_encoder_destroy(handle) }

  /// One packet of `count` samples a channel, interleaved. Throws `codecFailed`.
  func encode(_ interleaved: [Float], count: Int) throws(AudioIOError) -> ArraySlice<UInt8> {
    let size = opus_encode_float(
      handle, interleaved, Int32(count), &packet, Int32(packet.count))
    guard size > 0 else { throw Self.failure(size, "encode") }
    return packet[0..<Int(size)]
  }

  /// libopus's name and version.
  static var version: String { String(cString: opus_get_version_string()) }

  private static func failure(_ status: Int32, _ verb: String) -> AudioIOError {
    status == OPUS_ALLOC_FAIL
      ? MemoryWatch.failure("opus encoder")
      : AudioIOError(
        .codecFailed, field: "opus encoder",
        "cannot \(verb): \(String(cString: opus_strerror(status)))")
  }
}
