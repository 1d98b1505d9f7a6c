/// A unit of work that can be done together with other jobs', in one turn and for less than each costs
/// alone.
///
/// While its job waits for its turn, the unit is in the hands of whoever has the turn.
package protocol SharedUnit: AnyObject, Sendable {
  /// How many of its kind may be done together, itself among them; 1: it is always done alone.
  var mostTogether: Int { get }

  /// Whether its job asks for another such unit as soon as this one is done.
  var goesOn: Bool { get }

  /// Whether both can be done together.
  func fits(_ other: any SharedUnit) -> Bool
}
