internal import CFLAC

/// A FLAC stream, of its own or in Ogg, that libFLAC has open.
final class FLACFile: SoundDecoder {
  private(set) var sampleRate = 0
  private(set) var channels = 0
  private(set) var duration: Double?
  private(set) var damage = SoundDamage()

  private let handle: UnsafeMutablePointer<FLAC__StreamDecoder>
  private let cursor: SourceCursor
  /// Sample frames that the header says there are; 0 where it does not.
  private var total = 0
  /// The sample frame that is due.
  private var place = 0
  /// What was decoded and not taken yet.
  private var blocks: [SoundBlock] = []
  private var isSeeking = false
  /// Whether bytes were skipped, or a check sum was wrong, on the way to the frame at hand.
  private var isDamaged = false
  /// Whether the frame before was lost.
  private var lost = false

  /// - Parameter isOgg: Whether the stream is the only one of an Ogg file.
  /// - Throws: `damagedFile`, `outOfMemory`, `inputFailed`.
  init(_ source: any ByteSource, isOgg: Bool = false) throws(AudioIOError) {
    guard let handle = FLAC__stream_decoder_new() else {
      throw MemoryWatch.failure("FLAC decoder")
    }
    self.handle = handle
    cursor = SourceCursor(source)
    let data = Unmanaged.passUnretained(self).toOpaque()
    let memory = MemoryWatch()
    let begin = isOgg ? FLAC__stream_decoder_init_ogg_stream : FLAC__stream_decoder_init_stream
    let status = begin(
      handle, Self.read, Self.seek, Self.tell, Self.length, Self.isAtEnd, Self.write,
      Self.metadata, Self.error, data)
    guard status == FLAC__STREAM_DECODER_INIT_STATUS_OK,
      FLAC__stream_decoder_process_until_end_of_metadata(handle) != 0, sampleRate > 0
    else {
      try cursor.checkFailure()
      try memory.check("FLAC decoder")
      throw AudioIOError(.damagedFile, field: "audio", "its FLAC header is damaged or missing")
    }
    duration = total > 0 ? Double(total) / Double(sampleRate) : nil
  }

  deinit { FLAC__stream_decoder_delete(handle) }

  func seek(to seconds: Double) throws(AudioIOError) -> Double {
    let frame = Int(min(seconds * Double(sampleRate), 1e15))
    guard total == 0 || frame < total else { return 0 }
    isSeeking = true
    defer { isSeeking = false }
    if FLAC__stream_decoder_seek_absolute(handle, FLAC__uint64(frame)) == 0 {
      // Damaged, or cut off: from the start.
      try cursor.checkFailure()
      _ = cursor.seek(0, from: .start)
      FLAC__stream_decoder_reset(handle)
      blocks = []
      place = 0
      return 0
    }
    return Double(frame) / Double(sampleRate)
  }

  func next() throws(AudioIOError) -> SoundBlock? {
    while blocks.isEmpty {
      isDamaged = false
      let memory = MemoryWatch()
      let isGood = FLAC__stream_decoder_process_single(handle) != 0
      try cursor.checkFailure()
      if !isGood { try memory.check("FLAC decoder") }
      let state = FLAC__stream_decoder_get_state(handle).rawValue
      guard isGood, state < FLAC__STREAM_DECODER_END_OF_STREAM.rawValue else { break }
    }
    if !blocks.isEmpty { return blocks.removeFirst() }
    let missing = total - place
    if total > 0, missing > 0 { damage.missing = Double(missing) / Double(sampleRate) }
    return nil
  }

  /// Takes a frame that libFLAC has decoded.
  private func take(_ frame: FLAC__Frame, _ buffer: UnsafePointer<UnsafePointer<FLAC__int32>?>) {
    let count = Int(frame.header.blocksize)
    let channels = Int(frame.header.channels)
    let scale =
      1 / Float(sign: .plus, exponent: Int(frame.header.bits_per_sample) - 1, significand: 1)
    let start = Int(frame.header.number.sample_number)
    // After a seek the first frame begins where it was sought. Files that were joined begin again.
    let seconds = Double(isSeeking || start < place ? start : place) / Double(sampleRate)
    place = start + count
    let samples = [Float](unsafeUninitializedCapacity: count * channels) { samples, filled in
      for channel in 0..<channels {
        // libFLAC gives as many buffers as the frame has channels.
        guard let values = buffer[channel] else { continue }
        for index in 0..<count {
          samples[index * channels + channel] = Float(values[index]) * scale
        }
      }
      filled = count * channels
    }
    if isDamaged, !isSeeking, !samples.contains(where: { $0 != 0 }) {
      // libFLAC puts silence in the place of frames that it lost.
      damage.skip(Double(count) / Double(frame.header.sample_rate), at: seconds, follows: lost)
      lost = true
      return
    }
    lost = false
    blocks.append(
      SoundBlock(
        sampleRate: Int(frame.header.sample_rate), channels: channels, samples: samples))
  }

  private func take(_ info: FLAC__StreamMetadata_StreamInfo) {
    sampleRate = Int(info.sample_rate)
    channels = Int(info.channels)
    total = Int(clamping: info.total_samples)
  }

  // MARK: What libFLAC calls, with a `FLACFile` as client data

  private static func from(_ data: UnsafeMutableRawPointer?) -> FLACFile? {
    data.map { Unmanaged<FLACFile>.fromOpaque($0).takeUnretainedValue() }
  }

  private static let read: FLAC__StreamDecoderReadCallback = { _, target, size, data in
    guard let file = from(data), let size else { return FLAC__STREAM_DECODER_READ_STATUS_ABORT }
    guard let count = file.cursor.read(target, count: size.pointee) else {
      return FLAC__STREAM_DECODER_READ_STATUS_ABORT
    }
    size.pointee = count
    return count > 0
      ? FLAC__STREAM_DECODER_READ_STATUS_CONTINUE : FLAC__STREAM_DECODER_READ_STATUS_END_OF_STREAM
  }

  private static let seek: FLAC__StreamDecoderSeekCallback = { _, offset, data in
    guard let file = from(data), file.cursor.seek(Int64(clamping: offset), from: .start) != nil
    else {
      return FLAC__STREAM_DECODER_SEEK_STATUS_ERROR
    }
    return FLAC__STREAM_DECODER_SEEK_STATUS_OK
  }

  private static let tell: FLAC__StreamDecoderTellCallback = { _, place, data in
    place?.pointee = FLAC__uint64(from(data)?.cursor.place ?? 0)
    return FLAC__STREAM_DECODER_TELL_STATUS_OK
  }

  private static let length: FLAC__StreamDecoderLengthCallback = { _, length, data in
    length?.pointee = FLAC__uint64(from(data)?.cursor.source.count ?? 0)
    return FLAC__STREAM_DECODER_LENGTH_STATUS_OK
  }

  private static let isAtEnd: FLAC__StreamDecoderEofCallback = { _, data in
    guard let cursor = from(data)?.cursor else { return 1 }
    return cursor.place >= cursor.source.count ? 1 : 0
  }

  private static let write: FLAC__StreamDecoderWriteCallback = { _, frame, buffer, data in
    guard let file = from(data), let frame, let buffer else {
      return FLAC__STREAM_DECODER_WRITE_STATUS_ABORT
    }
    file.take(frame.pointee, buffer)
    return FLAC__STREAM_DECODER_WRITE_STATUS_CONTINUE
  }

  private static let metadata: FLAC__StreamDecoderMetadataCallback = { _, metadata, data in
    guard let file = from(data), let metadata,
      metadata.pointee.type == FLAC__METADATA_TYPE_STREAMINFO
    else { return }
    file.take(metadata.pointee.data.stream_info)
  }

  private static let error: FLAC__StreamDecoderErrorCallback = { _, status, data in
    from(data)?.isDamaged = true
  }
}
