internal import COgg

/// Ogg Opus, one link or several, that libopusfile has open. Opus is decoded at 48 kHz, whatever "input
/// sample rate" its header claims: that is a note on where the sound came from (RFC 7845, 5.1).
final class OpusFile: SoundDecoder {
  let sampleRate = 48_000
  let channels: Int
  let duration: Double?
  private(set) var damage = SoundDamage()

  private let handle: OpaquePointer
  private let cursor: SourceCursor
  private var buffer = [Float](repeating: 0, count: 5_760 * 8)
  /// Decoded, and not handed over, for it has another number of channels than what came before.
  private var pending: SoundBlock?
  /// The sample frame that is due.
  private var place = 0

  /// Frames from which a block is large enough.
  private static let blockFrames = 16_384

  /// - Throws: `damagedFile`, `inputFailed`.
  init(_ source: any ByteSource) throws(AudioIOError) {
    let cursor = SourceCursor(source)
    self.cursor = cursor
    var callbacks = Self.callbacks
    var status: Int32 = 0
    let memory = MemoryWatch()
    guard let handle = op_open_callbacks(cursor.pointer, &callbacks, nil, 0, &status) else {
      try cursor.checkFailure()
      try memory.check("Opus decoder")
      throw AudioIOError(
        .damagedFile, field: "audio", "cannot be read as Ogg Opus: \(Self.reason(status))")
    }
    self.handle = handle
    channels = Int(op_channel_count(handle, 0))
    let total = op_pcm_total(handle, -1)
    duration = total >= 0 ? Double(total) / 48_000 : nil
  }

  deinit { op_free(handle) }

  func seek(to seconds: Double) throws(AudioIOError) -> Double {
    let target = Int64(min(seconds * 48_000, 1e15))
    let status = op_pcm_seek(handle, target)
    try cursor.checkFailure()
    guard status == 0 else {
      op_raw_seek(handle, 0)
      return 0
    }
    place = Int(target)
    return Double(target) / 48_000
  }

  func next() throws(AudioIOError) -> SoundBlock? {
    var block = pending ?? SoundBlock(sampleRate: 48_000, channels: 0, samples: [])
    pending = nil
    while block.channels == 0 || block.frames < Self.blockFrames, let more = try read() {
      if block.channels == 0 || block.channels == more.channels {
        block.channels = more.channels
        block.samples += more.samples
      } else {
        pending = more
        break
      }
    }
    return block.channels > 0 ? block : nil
  }

  /// What one packet or a part of it holds.
  private func read() throws(AudioIOError) -> SoundBlock? {
    while true {
      var link: Int32 = 0
      let count = op_read_float(handle, &buffer, Int32(buffer.count), &link)
      try cursor.checkFailure()
      if count == OP_HOLE || count == OP_EBADPACKET { continue }
      guard count > 0 else {
        if count < 0 { damage.notes.append("decoding ended early: \(Self.reason(count))") }
        return nil
      }
      noteGap(frames: Int(count))
      let channels = Int(op_channel_count(handle, link))
      return SoundBlock(
        sampleRate: 48_000, channels: channels,
        samples: Array(buffer.prefix(Int(count) * channels)))
    }
  }

  /// Granule positions tell what was lost on the way to the frames at hand.
  private func noteGap(frames: Int) {
    let now = Int(op_pcm_tell(handle))
    let lost = now - frames - place
    if lost > 0 { damage.skip(Double(lost) / 48_000, at: Double(place) / 48_000) }
    place = max(now, place)
  }

  private static func reason(_ status: Int32) -> String {
    switch status {
    case OP_EBADHEADER, OP_ENOTFORMAT: "its header is damaged or missing"
    case OP_EVERSION: "its version is not known"
    case OP_EIMPL:
      "its kind of channels is not supported; convert it: ffmpeg -i input.opus output.flac"
    case OP_EBADTIMESTAMP, OP_EBADLINK: "its pages are damaged"
    default: "error \(status)"
    }
  }

  /// What libopusfile calls, with a `SourceCursor` as stream.
  private static var callbacks: OpusFileCallbacks {
    OpusFileCallbacks(
      read: { data, target, count in
        Int32(SourceCursor.from(data)?.read(target, count: Int(count)) ?? -1)
      },
      seek: { data, offset, whence in
        SourceCursor.from(data)?.seek(offset, from: .init(whence)) == nil ? -1 : 0
      },
      tell: { Int64(SourceCursor.from($0)?.place ?? -1) },
      close: nil)
  }
}
