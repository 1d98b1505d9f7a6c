/// The opcodes of pickle protocol 2 that a state dict of tensors is made of, and those of what is saved
/// beside one.
enum PickleOpcode: UInt8 {
  case proto = 0x80
  case stop = 0x2E
  case mark = 0x28
  case none = 0x4E
  case newTrue = 0x88
  case newFalse = 0x89
  case binInt = 0x4A
  case binInt1 = 0x4B
  case binInt2 = 0x4D
  case long1 = 0x8A
  case binUnicode = 0x58
  case emptyTuple = 0x29
  case tuple1 = 0x85
  case tuple2 = 0x86
  case tuple3 = 0x87
  case tuple = 0x74
  case emptyDictionary = 0x7D
  case setItem = 0x73
  case setItems = 0x75
  case binPut = 0x71
  case longBinPut = 0x72
  case binGet = 0x68
  case longBinGet = 0x6A
  case global = 0x63
  case binPersistentID = 0x51
  case reduce = 0x52
  case build = 0x62
  // What only training states have.
  case binFloat = 0x47
  case long4 = 0x8B
  case binString = 0x54
  case shortBinString = 0x55
  case emptyList = 0x5D
  case append = 0x61
  case appends = 0x65
  case newObject = 0x81
  case pop = 0x30
  case popMark = 0x31
  case duplicate = 0x32

  var isOfStateDictionary: Bool {
    switch self {
    case .binFloat, .long4, .binString, .shortBinString, .emptyList, .append, .appends, .newObject,
      .pop, .popMark, .duplicate:
      false
    default: true
    }
  }
}
