/// A value on the stack of a ``PickleMachine``. What is larger than a number or a text is a place in
/// the machine's own lists: values are small, and no input can nest them deeply or in a circle.
enum PickleValue: Sendable {
  case none
  case bool(Bool)
  case integer(Int)
  case string(String)
  case tuple(Int)
  case dictionary(Int)
  case global(PickleGlobal)
  case storage(Int)
  case tensor(Int)
  /// Something else, of which nothing is kept but what it is.
  case opaque(Int)

  /// What the value is, for messages.
  var kindName: String {
    switch self {
    case .none: "None"
    case .bool: "a bool"
    case .integer: "an int"
    case .string: "a str"
    case .tuple: "a tuple"
    case .dictionary: "a dict"
    case .global: "a function or class"
    case .storage: "a storage"
    case .tensor: "a tensor"
    case .opaque: "another object"
    }
  }
}
