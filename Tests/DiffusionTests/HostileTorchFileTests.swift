import Diffusion
import Foundation
import Testing

/// A .bin file can ask for nothing but tensors, and only for those that it has.
@Suite("A hostile .bin file is refused")
struct HostileTorchFileTests {
  private typealias Archive = TorchArchive

  private func opening(_ bytes: [UInt8]) throws -> Result<TorchFile, DiffusionError> {
    let path = FileManager.default.temporaryDirectory
      .appending(path: "riff-torch-\(UUID().uuidString).bin").path
    try Fixture.write(bytes, to: path)
    defer { try? FileManager.default.removeItem(atPath: path) }
    do throws(DiffusionError) {
      return .success(try TorchFile(path: path))
    } catch {
      guard case .checkpoint(path, _) = error.kind else {
        Issue.record("\(error)")
        return .failure(error)
      }
      return .failure(error)
    }
  }

  private func refused(
    _ bytes: [UInt8], _ hint: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    switch try opening(bytes) {
    case .success: Issue.record("it was read", sourceLocation: sourceLocation)
    case .failure(let error):
      #expect(error.message.contains(hint), "\(error)", sourceLocation: sourceLocation)
    }
  }

  private func refused(
    pickle: [UInt8], _ hint: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try refused(TorchArchive(pickle: pickle).bytes, hint, sourceLocation: sourceLocation)
  }

  /// What the tests below damage is itself in order.
  @Test func anHonestArchiveIsRead() throws {
    let file = try opening(Archive(pickle: Archive.dictionary(Archive.tensor())).bytes).get()
    #expect(file.floats("weight")?.values == [1, 2, 3, 4])
    #expect(file.floats("weight")?.shape == [2, 2])
  }

  @Test(
    arguments: [
      ("os", "system"), ("builtins", "eval"), ("__builtin__", "eval"), ("posix", "system"),
      ("subprocess", "Popen"), ("torch", "load"), ("torch", "UntypedStorage"),
      ("torch._utils", "_rebuild_device_tensor_from_numpy"), ("collections", "defaultdict"),
      ("torch.storage", "_load_from_bytes"), ("", ""), ("os\u{7}", "\u{1B}[2J"),
    ])
  func callsAreNamed(module: String, name: String) throws {
    let call =
      Archive.global(module, name) + Archive.mark + Archive.text("touch /tmp/pwned")
      + Archive.tuple + Archive.reduce
    try refused(pickle: Archive.dictionary(call), "\(module).\(name)".debugDescription)
    // Mentioning it is enough.
    try refused(pickle: Archive.proto + Archive.global(module, name) + Archive.stop, "refused")
  }

  /// INST, OBJ, NEWOBJ, EXT1, PERSID, STACK_GLOBAL, NEWOBJ_EX, POP, DUP, LIST, FLOAT, STRING,
  /// EMPTY_LIST, APPEND, MEMOIZE, FRAME, BYTEARRAY8, and what is no opcode at all.
  @Test(
    arguments: [
      0x69, 0x6F, 0x81, 0x82, 0x50, 0x93, 0x92, 0x30, 0x32, 0x6C, 0x46, 0x53, 0x5D, 0x61, 0x94,
      0x95, 0x96, 0x00, 0xFF,
    ] as [UInt8])
  func otherOpcodesAreNamed(opcode: UInt8) throws {
    try refused(
      pickle: Archive.proto + [opcode] + Archive.stop, "0x\(String(opcode, radix: 16))")
  }

  @Test func emptyAndEndless() throws {
    try refused(pickle: [], "ends in the middle")
    try refused(pickle: Archive.proto, "ends in the middle")
    try refused(pickle: Archive.proto + Archive.stop, "one dict")
    try refused(pickle: Archive.proto + Archive.emptyTuple + Archive.stop, "one dict")
    try refused(
      pickle: Archive.proto + Archive.mark + Archive.emptyDictionary + Archive.stop, "one dict")
    try refused(pickle: [0x80, 4] + Archive.stop, "protocol 4")
  }

  @Test func stackAbuse() throws {
    for opcode: UInt8 in [0x85, 0x86, 0x87, 0x73, 0x51, 0x52, 0x62] {
      try refused(pickle: Archive.proto + [opcode] + Archive.stop, "data.pkl at byte 3")
      // A mark protects what is below it.
      try refused(
        pickle: Archive.proto + Archive.emptyDictionary + Archive.emptyDictionary
          + Archive.emptyDictionary + Archive.mark + [opcode] + Archive.stop,
        "data.pkl at byte 7")
    }
    try refused(pickle: Archive.proto + Archive.tuple + Archive.stop, "mark")
    try refused(pickle: Archive.proto + [0x75] + Archive.stop, "mark")
    try refused(
      pickle: Archive.proto + [UInt8](repeating: 0x28, count: 100_000), "more values at once")
    try refused(
      pickle: Archive.proto + [UInt8](repeating: 0x29, count: 100_000), "more values at once")
    try refused(pickle: Archive.proto + [UInt8](repeating: 0x4E, count: 9 << 20), "the limit is")
  }

  @Test func memoAbuse() throws {
    try refused(pickle: Archive.proto + [0x68, 7] + Archive.stop, "recalls value 7")
    try refused(
      pickle: Archive.proto + [0x6A] + Archive.bytes(UInt32.max) + Archive.stop, "recalls value")
    try refused(pickle: Archive.proto + [0x71, 0] + Archive.stop, "empty stack")
    // A million places for one value.
    let puts = (0..<1_100_000).flatMap { place -> [UInt8] in
      [0x72] + Archive.bytes(UInt32(place))
    }
    try refused(pickle: Archive.proto + [0x4E] + puts, "more values at once")
    // A dict that contains itself is still no state dict.
    try refused(
      pickle: Archive.proto + Archive.emptyDictionary + [0x71, 0] + Archive.text("self")
        + [0x68, 0] + Archive.setItem + Archive.stop, "self")
  }

  /// A tuple of a tuple of a tuple, a million deep; each of two of the one before.
  @Test func deepNesting() throws {
    try refused(
      pickle: Archive.proto + Archive.emptyTuple + [UInt8](repeating: 0x85, count: 1_000_000)
        + Archive.stop, "one dict")
    let doubling = (0..<10_000).flatMap { _ -> [UInt8] in [0x71, 0, 0x68, 0, 0x86] }
    try refused(
      pickle: Archive.proto + Archive.emptyTuple + doubling + Archive.stop, "one dict")
  }

  @Test func hugeCounts() throws {
    try refused(
      pickle: Archive.proto + [0x58] + Archive.bytes(UInt32.max) + Archive.stop, "a text of")
    try refused(pickle: Archive.proto + [0x58] + Archive.bytes(UInt32(60_000)), "ends")
    try refused(pickle: Archive.proto + [0x8A, 9] + [UInt8](repeating: 1, count: 9), "9 bytes")
    try refused(pickle: Archive.proto + [0x8A, 255, 1], "ends")
    try refused(
      pickle: Archive.proto + Array("c\(String(repeating: "a", count: 1000))".utf8), "256")
    let most = [0x8A, 8] + Archive.bytes(Int64.max)
    for count in [most, [0x8A, 8] + Archive.bytes(Int64.max / 4 + 2), Archive.integer(5)] {
      try refused(
        pickle: Archive.dictionary(Archive.tensor(Archive.storage(count: count))), "storage")
    }
    try refused(
      pickle: Archive.dictionary(Archive.tensor(Archive.storage(count: Archive.integer(-1)))),
      "not a storage")
  }

  @Test(
    arguments: [
      ([2, 2], [2, 1], 1), ([4], [1], 1), ([5], [1], 0), ([2, 2], [2, 1], -1),
      ([2, 2], [2, 1], Int32.max), ([-2, -2], [2, 1], 0), ([2, 2], [2], 0), ([2], [0], 0),
      ([2, 2], [1, 2], 0), ([2], [-1], 3), ([2, 2], [2, 0], 0),
      ([Int32.max, Int32.max, Int32.max], [1, 1, 1], 0),
      ([1, 1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1, 1], 0),
    ] as [([Int32], [Int32], Int32)])
  func tensorsOutsideTheirStorage(shape: [Int32], strides: [Int32], offset: Int32) throws {
    try refused(
      pickle: Archive.dictionary(Archive.tensor(offset: offset, shape: shape, strides: strides)),
      "tensor")
  }

  /// The product of these sizes is 2^64 times the storage's.
  @Test func aShapeThatOverflows() throws {
    let sizes: [Int32] = [1 << 16, 1 << 16, 1 << 16, 1 << 16, 4]
    try refused(
      pickle: Archive.dictionary(
        Archive.tensor(shape: sizes, strides: [Int32](repeating: 1, count: 5))), "tensor")
    try refused(
      pickle: Archive.dictionary(Archive.tensor(offset: 2, shape: [2, 2], strides: [2, 1])),
      "outside its storage")
  }

  @Test func wrongValues() throws {
    let text = Archive.text("x")
    try refused(pickle: Archive.dictionary(text), "a str")
    try refused(pickle: Archive.dictionary([0x4E]), "None")
    try refused(pickle: Archive.dictionary(Archive.storage()), "a storage")
    try refused(pickle: Archive.dictionary(Archive.emptyDictionary), "a dict")
    try refused(pickle: Archive.dictionary(named: Archive.integer(3), Archive.tensor()), "as a key")
    try refused(pickle: Archive.dictionary(Archive.tensor(text)), "arguments")
    try refused(
      pickle: Archive.dictionary(Archive.tensor(Archive.storage(key: "7"))), "not in the file")
    try refused(
      pickle: Archive.dictionary(Archive.tensor(Archive.storage(key: "../data.pkl"))),
      "not in the file")
    try refused(
      pickle: Archive.dictionary(Archive.tensor(Archive.storage("LongStorage"))), "bytes")
    try refused(
      pickle: Archive.dictionary(
        Archive.global("torch", "FloatStorage") + Archive.emptyTuple
          + Archive.reduce), "storage class")
    try refused(
      pickle: Archive.dictionary(text + Archive.emptyTuple + Archive.reduce), "calls a str")
    try refused(
      pickle: Archive.dictionary(Archive.tensor() + Archive.emptyDictionary + Archive.build),
      "not a dict")
    try refused(
      pickle: Archive.proto + Archive.emptyDictionary + Archive.text("a") + Archive.tensor()
        + Archive.setItem + Archive.text("a") + Archive.tensor() + Archive.setItem
        + Archive.stop, "twice")
    try refused(
      pickle: Archive.proto + Archive.emptyDictionary + Archive.mark + text + [0x75]
        + Archive.stop, "not a dict")
  }

  @Test func archivesThatLie() throws {
    let honest = Archive(pickle: Archive.dictionary(Archive.tensor()))
    func lying(_ hint: String, _ change: (inout TorchArchive) -> Void) throws {
      var archive = honest
      change(&archive)
      try refused(archive.bytes, hint)
    }
    try lying("compressed") { $0.method = 8 }
    try lying("encrypted") { $0.flags |= 1 }
    try lying("directory") { $0.extraEntries = 1 }
    try lying("data.pkl") { $0.extraEntries = -3 }
    try lying("leaves the file") { $0.extraSize = 1 << 20 }
    try lying("leaves the file") { $0.extraSize = .max - 300 }
    try lying("leaves the file") { $0.extraOffset = 1 }
    try lying("contradicts itself") { $0.extraOffset = 1 << 30 }
    try lying("two zip entries") { $0.entries.append($0.entries[2]) }
    try lying("2 data.pkl") { $0.entries.append(("other/data.pkl", [])) }
    try lying("0 data.pkl") { $0.entries[0].name = "a/b/data.pkl" }
    try lying("little-endian") { $0.entries[1].data = Array("big".utf8) }
    try lying("bytes") { $0.entries[2].data.removeLast() }
    try lying("not in the file") { $0.entries.remove(at: 2) }
  }

  /// Every file that breaks off, and every one with a byte more, is refused.
  @Test func truncated() throws {
    let bytes = try Fixture.read(Fixture.path("torch/types.bin"))
    for length in 0..<bytes.count { try refused(Array(bytes[..<length]), ".bin") }
    try refused(bytes + [0], ".bin")
  }
}
