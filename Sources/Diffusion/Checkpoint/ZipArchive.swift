/// Where the entries of a zip archive lie in its file. Entries are stored, never compressed.
///
/// Everything is checked against the file's size when it is opened: the directory, and for each
/// entry its own header and its data, which end before the directory. Zip64 is understood; archives
/// in several parts and encrypted entries are refused. Checksums are not computed.
/// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
struct ZipArchive {
  static let mostEntries = 100_000
  static let largestDirectory = 64 << 20

  let file: CheckpointFile
  private(set) var entries: [String: Range<Int>] = [:]

  /// Where the directory is.
  private struct Directory {
    let start: UInt64
    let size: UInt64
    let count: UInt64
  }

  init(_ file: CheckpointFile) throws(DiffusionError) {
    self.file = file
    let directory = try Self.directory(of: file)
    let (end, overflow) = directory.start.addingReportingOverflow(directory.size)
    guard !overflow, end <= UInt64(file.size) else {
      throw .checkpoint(file.path, "its zip directory leaves the file: truncated or damaged")
    }
    guard directory.count <= UInt64(Self.mostEntries),
      directory.size <= UInt64(Self.largestDirectory)
    else {
      throw .checkpoint(
        file.path,
        "its zip directory claims \(directory.count) entries in \(directory.size) bytes; at most "
          + "\(Self.mostEntries) in \(Self.largestDirectory) are read")
    }
    // Both fit the file's size, which is an Int.
    let range = Int(directory.start)..<Int(end)
    var reader = ByteReader(try file.bytes(range)[...])
    for _ in 0..<directory.count {
      let (name, data) = try Self.entry(&reader, of: file, before: range.lowerBound)
      guard entries.updateValue(data, forKey: name) == nil else {
        throw .checkpoint(file.path, "has two zip entries \(name.debugDescription)")
      }
    }
  }

  /// The bytes of an entry; nil where there is none of that name.
  ///
  /// Throws `checkpoint` where it has more than `limit` bytes.
  func bytes(_ name: String, limit: Int) throws(DiffusionError) -> [UInt8]? {
    guard let range = entries[name] else { return nil }
    guard range.count <= limit else {
      throw .checkpoint(
        file.path, "its \(name.debugDescription) has \(range.count) bytes; the limit is \(limit)")
    }
    return try file.bytes(range)
  }

  private static func directory(of file: CheckpointFile) throws(DiffusionError) -> Directory {
    let recordSize = 22
    let truncated = DiffusionError.checkpoint(
      file.path, "has no zip directory at its end: truncated, or not a file of torch.save")
    // The record is last but for a comment of at most 65,535 bytes, and what zip64 puts before it.
    let tail = max(0, file.size - recordSize - 0xFFFF - 20)
    let bytes = try file.bytes(tail..<file.size)
    var start = bytes.count - recordSize
    while true {
      guard start >= 0, start >= bytes.count - recordSize - 0xFFFF else { throw truncated }
      if number(bytes, at: start, UInt32.self) == 0x0605_4B50,
        Int(number(bytes, at: start + 20, UInt16.self)) == bytes.count - recordSize - start
      {
        break
      }
      start -= 1
    }
    let count = number(bytes, at: start + 10, UInt16.self)
    let size = number(bytes, at: start + 12, UInt32.self)
    let offset = number(bytes, at: start + 16, UInt32.self)
    guard number(bytes, at: start + 4, UInt32.self) == 0 || count == .max else {
      throw .checkpoint(file.path, "is a zip archive in several parts")
    }
    guard count == .max || size == .max || offset == .max else {
      return Directory(start: UInt64(offset), size: UInt64(size), count: UInt64(count))
    }
    let locator = start - 20
    guard locator >= 0, number(bytes, at: locator, UInt32.self) == 0x0706_4B50,
      let place = Int(exactly: number(bytes, at: locator + 8, UInt64.self)),
      place <= file.size - 56
    else { throw truncated }
    let record = try file.bytes(place..<place + 56)
    guard number(record, at: 0, UInt32.self) == 0x0606_4B50 else { throw truncated }
    return Directory(
      start: number(record, at: 48, UInt64.self), size: number(record, at: 40, UInt64.self),
      count: number(record, at: 32, UInt64.self))
  }

  /// The caller knows that the number lies inside `bytes`, whose first byte is at offset 0.
  private static func number<Number: FixedWidthInteger>(
    _ bytes: some BidirectionalCollection<UInt8>, at offset: Int, _: Number.Type
  ) -> Number {
    Number(littleEndianBytes: bytes.dropFirst(offset).prefix(MemoryLayout<Number>.size))
  }

  /// The next entry of the directory: its name, and where its data lie.
  private static func entry(
    _ reader: inout ByteReader, of file: CheckpointFile, before directory: Int
  ) throws(DiffusionError) -> (name: String, data: Range<Int>) {
    let damaged = DiffusionError.checkpoint(
      file.path, "its zip directory ends early or is damaged")
    guard let header = reader.take(46), number(header, at: 0, UInt32.self) == 0x0201_4B50,
      let nameBytes = reader.take(Int(number(header, at: 28, UInt16.self))),
      let extra = reader.take(Int(number(header, at: 30, UInt16.self))),
      reader.take(Int(number(header, at: 32, UInt16.self))) != nil,
      let name = String(validating: nameBytes, as: UTF8.self)
    else { throw damaged }
    func wrong(_ message: String) -> DiffusionError {
      .checkpoint(file.path, "its zip entry \(name.debugDescription) \(message)")
    }
    guard number(header, at: 8, UInt16.self) & 1 == 0 else { throw wrong("is encrypted") }
    guard number(header, at: 10, UInt16.self) == 0 else {
      throw wrong("is compressed; torch.save stores them as they are")
    }
    // In the order in which the zip64 extra field gives those that do not fit 32 bits.
    var sizes = [24, 20, 42].map { UInt64(number(header, at: $0, UInt32.self)) }
    if sizes.contains(UInt64(UInt32.max)) {
      guard let wide = wideSizes(extra, narrow: sizes) else { throw damaged }
      sizes = wide
    }
    let (plain, stored, offset) = (sizes[0], sizes[1], sizes[2])
    guard plain == stored, offset <= UInt64(directory), directory - Int(offset) >= 30 else {
      throw wrong("contradicts itself or leaves the file")
    }
    let local = try file.bytes(Int(offset)..<Int(offset) + 30)
    let data =
      Int(offset) + 30 + Int(number(local, at: 26, UInt16.self))
      + Int(number(local, at: 28, UInt16.self))
    guard number(local, at: 0, UInt32.self) == 0x0403_4B50, data <= directory,
      stored <= UInt64(directory - data)
    else {
      throw wrong("leaves the file's \(directory) bytes of data")
    }
    return (name, data..<data + Int(stored))
  }

  /// Sizes with those that are all ones replaced by the zip64 field's.
  private static func wideSizes(
    _ extra: ArraySlice<UInt8>, narrow: [UInt64]
  ) -> [UInt64]? {
    var fields = ByteReader(extra)
    while let id = fields.integer(UInt16.self), let size = fields.integer(UInt16.self),
      let content = fields.take(Int(size))
    {
      guard id == 1 else { continue }
      var values = ByteReader(content)
      var sizes = narrow
      for index in sizes.indices where sizes[index] == UInt64(UInt32.max) {
        guard let wide = values.integer(UInt64.self) else { return nil }
        sizes[index] = wide
      }
      return sizes
    }
    return nil
  }
}
