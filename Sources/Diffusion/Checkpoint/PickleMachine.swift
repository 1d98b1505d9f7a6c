/// Runs the pickle that `torch.save` makes of a state dict, and nothing more than such a pickle has.
///
/// It knows the opcodes of protocol 2 that a dict of tensors needs and the names of
/// ``PickleGlobal``; any other opcode or name is an error that says which, and nothing is ever
/// called. Attributes set on a dict (PyTorch's `_metadata`) are read and dropped. A training state, as
/// Lightning saves it, holds much besides (callbacks, optimisers, loops), of any class: there, what is
/// not a tensor becomes an opaque value, which does no harm where no tensor is made of it. No value contains
/// another (see ``PickleValue``), and stack, memo, containers and texts have limits.
/// https://github.com/python/cpython/blob/main/Lib/pickletools.py
struct PickleMachine {
  static let largestPickle = 8 << 20
  static let largestTrainingState = 32 << 20
  private static let deepestStack = 1 << 16
  private static let mostContainers = 1 << 20
  private static let mostOpaque = 1 << 18
  private static let longestText = 1 << 16

  private let file: String
  private var reader: ByteReader
  private var stack: [PickleValue] = []
  /// Heights of the stack at which marks were set; nothing below the last can be popped.
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]
  private var tuples: [[PickleValue]] = []
  private var dictionaries: [[(name: String, value: PickleValue)]] = []
  private var storages: [TorchStorage] = []
  private var tensors: [TorchTensor] = []
  /// Whether values that a state dict does not have become opaque ones.
  private let isTrainingState: Bool
  /// What opaque values are, for messages.
  private var opaque: [String] = []

  private init(_ bytes: [UInt8], file: String, isTrainingState: Bool = false) {
    reader = ByteReader(bytes[...])
    self.file = file
    self.isTrainingState = isTrainingState
  }

  /// What a training state holds that matters.
  struct TrainingState {
    var tensors: [(name: String, tensor: TorchTensor)] = []
    /// Members of the state dict that are no usable tensors, and why.
    var unusable: [String: String] = [:]
    /// Optimiser steps that were taken.
    var globalStep: Int?
  }

  /// The tensors under `state_dict`, or those of the dict itself where there is no such member.
  static func trainingState(
    _ bytes: [UInt8], file: String
  ) throws(DiffusionError) -> TrainingState {
    var machine = PickleMachine(bytes, file: file, isTrainingState: true)
    let root = try machine.run()
    var state = TrainingState()
    var members = root
    for (name, value) in root {
      switch (name, value) {
      case ("global_step", .integer(let step)): state.globalStep = step
      case ("state_dict", .dictionary(let index)): members = machine.dictionaries[index]
      default: break
      }
    }
    var names: Set<String> = []
    for (name, value) in members {
      guard names.insert(name).inserted else {
        throw .checkpoint(file, tensor: name, "is in the state dict twice")
      }
      switch value {
      case .tensor(let index): state.tensors.append((name, machine.tensors[index]))
      case .opaque(let index): state.unusable[name] = machine.opaque[index]
      default: state.unusable[name] = value.kindName
      }
    }
    return state
  }

  /// The tensors of the state dict in `bytes`, `data.pkl` of `file`, in its order; no name is twice.
  static func stateDictionary(
    _ bytes: [UInt8], file: String
  ) throws(DiffusionError) -> [(name: String, tensor: TorchTensor)] {
    var machine = PickleMachine(bytes, file: file)
    let members = try machine.run()
    var tensors: [(name: String, tensor: TorchTensor)] = []
    var names: Set<String> = []
    for (name, value) in members {
      guard case .tensor(let index) = value else {
        throw .checkpoint(
          file, tensor: name, "is \(value.kindName); expected a state dict of tensors only")
      }
      guard names.insert(name).inserted else {
        throw .checkpoint(file, tensor: name, "is in the state dict twice")
      }
      tensors.append((name, machine.tensors[index]))
    }
    return tensors
  }

  private func failure(_ message: String) -> DiffusionError {
    .checkpoint(file, "data.pkl at byte \(reader.position): \(message)")
  }

  private var ended: DiffusionError { failure("ends in the middle") }

  /// Runs up to STOP; the members of the dict that is left.
  private mutating func run() throws(DiffusionError) -> [(name: String, value: PickleValue)] {
    while true {
      guard let byte = reader.integer(UInt8.self) else { throw ended }
      guard let opcode = PickleOpcode(rawValue: byte),
        isTrainingState || opcode.isOfStateDictionary
      else {
        throw failure(
          "opcode 0x\(String(byte, radix: 16)) does not belong in a state dict of protocol 2")
      }
      if opcode == .stop { break }
      try execute(opcode)
      guard stack.count <= Self.deepestStack, marks.count <= Self.deepestStack,
        memo.count <= Self.mostContainers, tuples.count <= Self.mostContainers,
        dictionaries.count <= Self.mostContainers, storages.count <= Self.mostContainers,
        tensors.count <= Self.mostContainers, opaque.count <= Self.mostOpaque
      else { throw failure("holds more values at once than a state dict has") }
    }
    guard marks.isEmpty, stack.count == 1, case .dictionary(let index) = stack[0] else {
      throw failure("does not end with one dict")
    }
    return dictionaries[index]
  }

  private mutating func execute(_ opcode: PickleOpcode) throws(DiffusionError) {
    switch opcode {
    case .proto:
      guard let version = reader.integer(UInt8.self) else { throw ended }
      guard version == 2 else {
        throw failure("is of pickle protocol \(version); torch.save writes 2 unless told otherwise")
      }
    case .stop: break
    case .mark: marks.append(stack.count)
    case .none: stack.append(.none)
    case .newTrue: stack.append(.bool(true))
    case .newFalse: stack.append(.bool(false))
    case .binInt: try push(integer: Int32.self)
    case .binInt1: try push(integer: UInt8.self)
    case .binInt2: try push(integer: UInt16.self)
    case .long1: try longInteger()
    case .binUnicode: try text()
    case .emptyTuple: try tuple([])
    case .tuple1: try tuple(popped(1))
    case .tuple2: try tuple(popped(2))
    case .tuple3: try tuple(popped(3))
    case .tuple: try tuple(poppedToMark())
    case .emptyDictionary: try dictionary()
    case .setItem: try set(popped(2))
    case .setItems: try set(poppedToMark())
    case .binPut: try put(reader.integer(UInt8.self).map(Int.init))
    case .longBinPut: try put(reader.integer(UInt32.self).map(Int.init))
    case .binGet: try get(reader.integer(UInt8.self).map(Int.init))
    case .longBinGet: try get(reader.integer(UInt32.self).map(Int.init))
    case .global: try global()
    case .binPersistentID: try persistent(pop())
    case .reduce: try reduce()
    case .build: try build()
    case .binFloat: try skipped(reader.take(8), "a float")
    case .long4: try skippedText(reader.integer(UInt32.self), "an int")
    case .binString: try skippedText(reader.integer(UInt32.self), "a bytes")
    case .shortBinString: try skippedText(reader.integer(UInt8.self).map(UInt32.init), "a bytes")
    case .emptyList: push(opaque: "a list")
    case .append: try add(popped(1))
    case .appends: try add(poppedToMark())
    case .newObject: try reduce()
    case .pop: _ = try pop()
    case .popMark: _ = try poppedToMark()
    case .duplicate:
      let value = try pop()
      stack += [value, value]
    }
  }

  // MARK: - What only training states have

  private mutating func push(opaque what: String) {
    opaque.append(what)
    stack.append(.opaque(opaque.count - 1))
  }

  private mutating func skipped(
    _ bytes: ArraySlice<UInt8>?, _ what: String
  ) throws(DiffusionError) {
    guard bytes != nil else { throw ended }
    push(opaque: what)
  }

  private mutating func skippedText(_ length: UInt32?, _ what: String) throws(DiffusionError) {
    guard let length, reader.take(Int(length)) != nil else { throw ended }
    push(opaque: what)
  }

  /// Drops `items`, which go to the list below them.
  private mutating func add(_ items: [PickleValue]) throws(DiffusionError) {
    guard stack.count > marks.last ?? 0, case .opaque? = stack.last else {
      throw failure("adds items to something that is not a list")
    }
  }

  // MARK: - Stack

  private mutating func pop() throws(DiffusionError) -> PickleValue {
    guard stack.count > marks.last ?? 0, let value = stack.popLast() else {
      throw failure("takes a value from an empty stack")
    }
    return value
  }

  private mutating func popped(_ count: Int) throws(DiffusionError) -> [PickleValue] {
    guard stack.count - count >= marks.last ?? 0 else {
      throw failure("takes a value from an empty stack")
    }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func poppedToMark() throws(DiffusionError) -> [PickleValue] {
    // No pop goes below the last mark, so it is at most the stack's height.
    guard let mark = marks.popLast() else { throw failure("goes back to a mark that is not there") }
    defer { stack.removeLast(stack.count - mark) }
    return Array(stack[mark...])
  }

  private mutating func put(_ index: Int?) throws(DiffusionError) {
    guard let index else { throw ended }
    guard stack.count > marks.last ?? 0, let value = stack.last else {
      throw failure("keeps a value of an empty stack")
    }
    memo[index] = value
  }

  private mutating func get(_ index: Int?) throws(DiffusionError) {
    guard let index else { throw ended }
    guard let value = memo[index] else { throw failure("recalls value \(index), never kept") }
    stack.append(value)
  }

  // MARK: - Values

  private mutating func push<Number: FixedWidthInteger>(
    integer _: Number.Type
  ) throws(DiffusionError) {
    guard let number = reader.integer(Number.self) else { throw ended }
    stack.append(.integer(Int(number)))
  }

  /// A signed little-endian number of up to 8 bytes.
  private mutating func longInteger() throws(DiffusionError) {
    guard let size = reader.integer(UInt8.self), let bytes = reader.take(Int(size)) else {
      throw ended
    }
    if size > 8, isTrainingState { return push(opaque: "an int") }
    guard size <= 8 else { throw failure("has an integer of \(size) bytes; the limit is 8") }
    var value = bytes.last.map { $0 >= 0x80 ? -1 : 0 } ?? 0
    for byte in bytes.reversed() { value = value << 8 | Int(byte) }
    stack.append(.integer(value))
  }

  private mutating func text() throws(DiffusionError) {
    guard let length = reader.integer(UInt32.self) else { throw ended }
    guard length <= UInt32(Self.longestText) else {
      if isTrainingState { return try skipped(reader.take(Int(length)), "a str") }
      throw failure("has a text of \(length) bytes; the limit is \(Self.longestText)")
    }
    guard let bytes = reader.take(Int(length)) else { throw ended }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw failure("has a text that is not UTF-8")
    }
    stack.append(.string(text))
  }

  private mutating func tuple(_ elements: [PickleValue]) throws(DiffusionError) {
    tuples.append(elements)
    stack.append(.tuple(tuples.count - 1))
  }

  private mutating func dictionary() throws(DiffusionError) {
    dictionaries.append([])
    stack.append(.dictionary(dictionaries.count - 1))
  }

  /// Adds keys and values, which take turns, to the dict on top of the stack.
  private mutating func set(_ items: [PickleValue]) throws(DiffusionError) {
    guard items.count % 2 == 0, stack.count > marks.last ?? 0, let target = stack.last else {
      throw failure("sets items of something that is not a dict")
    }
    if isTrainingState, case .opaque = target { return }
    guard case .dictionary(let index) = target else {
      throw failure("sets items of something that is not a dict")
    }
    for place in stride(from: 0, to: items.count, by: 2) {
      guard case .string(let name) = items[place] else {
        // Lightning keeps callbacks by their class, optimiser states by number.
        if isTrainingState { continue }
        throw failure("has a dict with \(items[place].kindName) as a key; expected a str")
      }
      dictionaries[index].append((name, items[place + 1]))
    }
  }

  // MARK: - Names and calls

  private mutating func global() throws(DiffusionError) {
    var parts: [String] = []
    for _ in 0..<2 {
      guard let line = reader.line(limit: 256), let part = String(validating: line, as: UTF8.self)
      else {
        throw failure("has a global without a name of at most 256 bytes")
      }
      parts.append(part)
    }
    guard let global = PickleGlobal(module: parts[0], name: parts[1]) else {
      let name = "\(parts[0]).\(parts[1])".debugDescription
      if isTrainingState { return push(opaque: "of \(name)") }
      throw failure("wants \(name), which no state dict of tensors needs: refused")
    }
    stack.append(.global(global))
  }

  /// ('storage', class, key, device, elements).
  private mutating func persistent(_ id: PickleValue) throws(DiffusionError) {
    if isTrainingState, case .tuple(let index) = id,
      tuples[index].contains(where: { if case .opaque = $0 { true } else { false } })
    {
      return push(opaque: "a storage of an unknown type")
    }
    guard case .tuple(let index) = id, tuples[index].count == 5,
      case .string("storage") = tuples[index][0],
      case .global(.storage(let type)) = tuples[index][1],
      case .string(let key) = tuples[index][2],
      case .string = tuples[index][3],
      case .integer(let count) = tuples[index][4], count >= 0
    else {
      throw failure("has a persistent id that is not a storage")
    }
    storages.append(TorchStorage(elementType: type, key: key, count: count))
    stack.append(.storage(storages.count - 1))
  }

  private mutating func reduce() throws(DiffusionError) {
    let operands = try popped(2)
    guard isTrainingState else { return try reduce(operands) }
    if case .opaque = operands[0] { return stack.append(operands[0]) }
    // A tensor of another kind than the ones here, or an object that is not one.
    do throws(DiffusionError) {
      try reduce(operands)
    } catch {
      push(opaque: error.message)
    }
  }

  private mutating func reduce(_ operands: [PickleValue]) throws(DiffusionError) {
    guard case .global(let global) = operands[0], case .tuple(let index) = operands[1] else {
      throw failure("calls \(operands[0].kindName) with \(operands[1].kindName): refused")
    }
    let arguments = tuples[index]
    switch global {
    case .orderedDictionary:
      guard arguments.isEmpty else { throw failure("makes an OrderedDict of something") }
      try dictionary()
    case .rebuildTensor:
      tensors.append(try tensor(arguments))
      stack.append(.tensor(tensors.count - 1))
    case .rebuildParameter:
      guard arguments.count == 3, case .tensor = arguments[0], case .bool = arguments[1],
        case .dictionary = arguments[2]
      else {
        throw failure("has a parameter that is not made of tensor, bool and dict")
      }
      stack.append(arguments[0])
    case .storage:
      throw failure("calls a storage class: refused")
    }
  }

  /// Sets attributes on a dict: `_metadata`, the versions of modules, which no tensor depends on.
  private mutating func build() throws(DiffusionError) {
    let attributes = try pop()
    if isTrainingState, stack.count > marks.last ?? 0 { return }
    guard case .dictionary = attributes, stack.count > marks.last ?? 0,
      case .dictionary? = stack.last
    else {
      throw failure("sets the state of something that is not a dict: refused")
    }
  }

  /// (storage, offset, sizes, strides, requires_grad, hooks): `torch._utils._rebuild_tensor_v2`.
  private func tensor(_ arguments: [PickleValue]) throws(DiffusionError) -> TorchTensor {
    guard arguments.count == 6, case .storage(let place) = arguments[0],
      case .integer(let offset) = arguments[1], offset >= 0,
      let shape = integers(arguments[2]), let strides = integers(arguments[3]),
      case .bool = arguments[4], case .dictionary(let hooks) = arguments[5],
      dictionaries[hooks].isEmpty
    else {
      throw failure("has a tensor with arguments that torch.save does not write")
    }
    let storage = storages[place]
    guard shape.count <= 8, strides.count == shape.count, shape.allSatisfy({ $0 >= 0 }) else {
      throw failure("has a tensor of shape \(shape.prefix(9)) and strides \(strides.prefix(9))")
    }
    var count = 1
    for (size, stride) in zip(shape, strides).reversed() {
      guard size <= 1 || stride == count || shape.contains(0) else {
        throw failure(
          "has a tensor of shape \(shape) with strides \(strides); save it with .contiguous()")
      }
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard !overflow else { throw failure("has a tensor whose shape \(shape) overflows") }
      count = product
    }
    let (end, overflow) = offset.addingReportingOverflow(count)
    guard !overflow, end <= storage.count else {
      throw failure(
        "has a tensor of shape \(shape) at \(offset), outside its storage of \(storage.count)")
    }
    return TorchTensor(storage: storage, shape: shape, elements: offset..<end)
  }

  private func integers(_ value: PickleValue) -> [Int]? {
    guard case .tuple(let index) = value else { return nil }
    var numbers: [Int] = []
    for element in tuples[index] {
      guard case .integer(let number) = element else { return nil }
      numbers.append(number)
    }
    return numbers
  }
}
