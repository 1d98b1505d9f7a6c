/// The chunks of a WAV or AIFF file, as far as its bytes bear them out: sizes in headers may be those
/// of a recorder that died, or lies.
struct RIFFChunks {
  struct Chunk {
    var name: String
    /// Bytes that are there; fewer than the chunk claims where the file ends before.
    var range: Range<Int>
    /// Bytes that it claims.
    var claimed: Int
  }

  /// In the order of the file.
  private(set) var chunks: [Chunk] = []
  /// Where bytes begin that are not a chunk, at the end of the file.
  private(set) var rest: Range<Int>
  let isBigEndian: Bool

  private static let head = 8
  /// Bytes before the first chunk: RIFF, size, WAVE.
  private static let start = 12
  private static let limit = 10_000

  /// - Parameter soundName: Of the chunk that holds the samples, which is believed to go on to the
  ///   file's end where its size is 0 or says "unknown".
  /// - Throws: `inputFailed`.
  init(_ source: any ByteSource, soundName: String, isBigEndian: Bool) throws(AudioIOError) {
    self.isBigEndian = isBigEndian
    rest = source.count..<source.count
    var place = Self.start
    var size64: Int?
    while place < source.count, chunks.count < Self.limit {
      guard var chunk = try Self.chunk(in: source, at: place, isBigEndian) else {
        rest = place..<source.count
        return
      }
      let there = source.count - chunk.range.lowerBound
      if chunk.name == soundName {
        if chunk.claimed == 0xFFFF_FFFF, let size64 { chunk.claimed = size64 }
        if chunk.claimed == 0, there > 0,
          try Self.chunk(in: source, at: chunk.range.lowerBound, isBigEndian) == nil
        {
          chunk.range = chunk.range.lowerBound..<source.count
        } else {
          chunk.range = chunk.range.lowerBound..<chunk.range.lowerBound + min(chunk.claimed, there)
        }
      } else {
        guard chunk.claimed <= there else {
          rest = place..<source.count
          return
        }
        chunk.range = chunk.range.lowerBound..<chunk.range.lowerBound + chunk.claimed
      }
      if chunk.name == "ds64", chunk.range.count >= 16 {
        let bytes = try source.bytes(chunk.range.lowerBound + 8..<chunk.range.lowerBound + 16)
        size64 = Int(clamping: bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) })
      }
      chunks.append(chunk)
      place = chunk.range.upperBound
      // Chunks begin at even places; not all writers know.
      if chunk.range.count % 2 == 1 {
        let next = try Self.chunk(in: source, at: place, isBigEndian)
        if next == nil { place += 1 }
      }
    }
  }

  subscript(name: String) -> Chunk? { chunks.first { $0.name == name } }

  /// A chunk's name and claimed size; nil where there is none: names are four printable characters, and
  /// what follows the samples fits the file.
  private static func chunk(
    in source: any ByteSource, at place: Int, _ isBigEndian: Bool
  ) throws(AudioIOError) -> Chunk? {
    let bytes = try source.bytes(place..<place + head)
    guard bytes.count == head, bytes[..<4].allSatisfy({ (0x20..<0x7F).contains($0) }) else {
      return nil
    }
    let digits = isBigEndian ? Array(bytes[4...]) : bytes[4...].reversed()
    let size = digits.reduce(0) { $0 << 8 | Int($1) }
    let name = String(decoding: bytes[..<4], as: UTF8.self)
    guard size <= source.count - place - head || ["data", "SSND", "ds64"].contains(name) else {
      return nil
    }
    return Chunk(name: name, range: place + head..<place + head, claimed: size)
  }
}
