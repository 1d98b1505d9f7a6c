/// Writes zip archives and pickles as `torch.save` does, or wrongly on purpose.
struct TorchArchive {
  var entries: [(name: String, data: [UInt8])] = []
  /// What the directory says of every entry.
  var method: UInt16 = 0
  var flags: UInt16 = 0x0808
  /// Added to what the directory says.
  var extraEntries = 0
  var extraSize: UInt32 = 0
  var extraOffset: UInt32 = 0

  /// One f32 storage "0" of four numbers beside `pickle`.
  init(pickle: [UInt8]) {
    entries = [
      ("archive/data.pkl", pickle), ("archive/byteorder", Array("little".utf8)),
      ("archive/data/0", (1...4).flatMap { Self.bytes(Float($0).bitPattern) }),
    ]
  }

  static func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }

  var bytes: [UInt8] {
    var file: [UInt8] = []
    var directory: [UInt8] = []
    for entry in entries {
      let offset = UInt32(file.count) + extraOffset
      let size = UInt32(entry.data.count) + extraSize
      let name = Array(entry.name.utf8)
      let common =
        Self.bytes(flags) + Self.bytes(method) + Self.bytes(UInt32(0)) + Self.bytes(UInt32(0))
        + Self.bytes(size) + Self.bytes(size) + Self.bytes(UInt16(name.count))
        + Self.bytes(UInt16(0))
      file += Self.bytes(UInt32(0x0403_4B50)) + Self.bytes(UInt16(0)) + common + name + entry.data
      directory +=
        Self.bytes(UInt32(0x0201_4B50)) + Self.bytes(UInt32(0)) + common
        + Self.bytes(UInt16(0)) + Self.bytes(UInt32(0)) + Self.bytes(UInt32(0))
        + Self.bytes(offset) + name
    }
    let count = UInt16(entries.count + extraEntries)
    return file + directory + Self.bytes(UInt32(0x0605_4B50)) + Self.bytes(UInt32(0))
      + Self.bytes(count) + Self.bytes(count) + Self.bytes(UInt32(directory.count))
      + Self.bytes(UInt32(file.count)) + Self.bytes(UInt16(0))
  }

  // MARK: - Pickles

  static let proto: [UInt8] = [0x80, 2]
  static let stop: [UInt8] = [0x2E]
  static let mark: [UInt8] = [0x28]
  static let tuple: [UInt8] = [0x74]
  static let reduce: [UInt8] = [0x52]
  static let emptyDictionary: [UInt8] = [0x7D]
  static let emptyTuple: [UInt8] = [0x29]
  static let setItem: [UInt8] = [0x73]
  static let build: [UInt8] = [0x62]
  static let orderedDictionary = global("collections", "OrderedDict") + emptyTuple + reduce

  static func global(_ module: String, _ name: String) -> [UInt8] {
    Array("c\(module)\n\(name)\n".utf8)
  }

  static func text(_ text: String) -> [UInt8] {
    [0x58] + bytes(UInt32(text.utf8.count)) + Array(text.utf8)
  }

  static func integer(_ number: Int32) -> [UInt8] { [0x4A] + bytes(number) }

  static func integers(_ numbers: [Int32]) -> [UInt8] {
    mark + numbers.flatMap { integer($0) } + tuple
  }

  static func storage(
    _ type: String = "FloatStorage", key: String = "0", count: [UInt8] = integer(4)
  ) -> [UInt8] {
    mark + text("storage") + global("torch", type) + text(key) + text("cpu") + count + tuple
      + [0x51]
  }

  static func tensor(
    _ storage: [UInt8] = storage(), offset: Int32 = 0, shape: [Int32] = [2, 2],
    strides: [Int32] = [2, 1]
  ) -> [UInt8] {
    global("torch._utils", "_rebuild_tensor_v2") + mark + storage + integer(offset)
      + integers(shape) + integers(strides) + [0x89] + orderedDictionary + tuple + reduce
  }

  /// A state dict with one member.
  static func dictionary(named name: [UInt8] = text("weight"), _ value: [UInt8]) -> [UInt8] {
    proto + emptyDictionary + name + value + setItem + stop
  }
}
