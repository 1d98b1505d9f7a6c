internal import COgg

/// Ogg Vorbis, one link or several, that libvorbisfile has open.
final class VorbisFile: SoundDecoder {
  let sampleRate: Int
  let channels: Int
  let duration: Double?
  private(set) var damage = SoundDamage()

  private let handle: UnsafeMutablePointer<OggVorbis_File>
  private let cursor: SourceCursor
  /// The sample frame that is due, over all links.
  private var place = 0

  /// Frames of a block at most.
  private static let blockFrames: Int32 = 16_384

  /// - Throws: `damagedFile`, `inputFailed`, `outOfMemory`.
  init(_ source: any ByteSource) throws(AudioIOError) {
    let cursor = SourceCursor(source)
    self.cursor = cursor
    let handle = UnsafeMutablePointer<OggVorbis_File>.allocate(capacity: 1)
    handle.initialize(to: OggVorbis_File())
    let memory = MemoryWatch()
    var status = ov_open_callbacks(cursor.pointer, handle, nil, 0, Self.callbacks)
    if status != 0, cursor.failure == nil {
      // libvorbisfile does not look whether libogg got memory, clears errno before it reads on, and calls the
      // file damaged then. Damage is still there the second time.
      _ = cursor.seek(0, from: .start)
      handle.initialize(to: OggVorbis_File())
      status = ov_open_callbacks(cursor.pointer, handle, nil, 0, Self.callbacks)
    }
    guard status == 0, let info = ov_info(handle, 0) else {
      // After a failure, libvorbisfile has cleared it already.
      if status == 0 { ov_clear(handle) }
      handle.deallocate()
      try cursor.checkFailure()
      try memory.check("Vorbis decoder")
      throw AudioIOError(
        .damagedFile, field: "audio", "cannot be read as Ogg Vorbis: \(Self.reason(status))")
    }
    self.handle = handle
    sampleRate = info.pointee.rate
    channels = Int(info.pointee.channels)
    let seconds = ov_time_total(handle, -1)
    duration = seconds >= 0 ? seconds : nil
  }

  deinit {
    ov_clear(handle)
    handle.deallocate()
  }

  func seek(to seconds: Double) throws(AudioIOError) -> Double {
    let status = ov_time_seek(handle, seconds)
    try cursor.checkFailure()
    guard status == 0 else {
      ov_raw_seek(handle, 0)
      return 0
    }
    place = Int(ov_pcm_tell(handle))
    return ov_time_tell(handle)
  }

  func next() throws(AudioIOError) -> SoundBlock? {
    while true {
      var samples: UnsafeMutablePointer<UnsafeMutablePointer<Float>?>?
      var link: Int32 = 0
      let count = ov_read_float(handle, &samples, Self.blockFrames, &link)
      try cursor.checkFailure()
      if count == Int(OV_HOLE) { continue }
      guard count > 0, let samples, let info = ov_info(handle, -1) else { return nil }
      let channels = Int(info.pointee.channels)
      let rate = info.pointee.rate
      noteGap(frames: count, rate: rate)
      return SoundBlock(
        sampleRate: rate, channels: channels,
        samples: [Float](unsafeUninitializedCapacity: count * channels) { target, filled in
          for channel in 0..<channels {
            // libvorbisfile gives as many channels as its info says.
            guard let values = samples[channel] else { continue }
            for frame in 0..<count { target[frame * channels + channel] = values[frame] }
          }
          filled = count * channels
        })
    }
  }

  /// Granule positions tell what was lost on the way to the frames at hand.
  private func noteGap(frames: Int, rate: Int) {
    let now = Int(ov_pcm_tell(handle))
    let lost = now - frames - place
    if lost > 0 { damage.skip(Double(lost) / Double(rate), at: Double(place) / Double(rate)) }
    place = max(now, place)
  }

  private static func reason(_ status: Int32) -> String {
    switch status {
    case OV_EVERSION: "its version is not known"
    case OV_EBADHEADER, OV_ENOTVORBIS: "its header is damaged or missing"
    default: "error \(status)"
    }
  }

  /// What libvorbisfile calls, with a `SourceCursor` as data source.
  private static var callbacks: ov_callbacks {
    ov_callbacks(
      read_func: { target, size, count, data in
        guard size > 0 else { return 0 }
        return (SourceCursor.from(data)?.read(target, count: size * count) ?? 0) / size
      },
      seek_func: { data, offset, whence in
        SourceCursor.from(data)?.seek(offset, from: .init(whence)) == nil ? -1 : 0
      },
      close_func: nil,
      tell_func: { SourceCursor.from($0)?.place ?? -1 })
  }
}
