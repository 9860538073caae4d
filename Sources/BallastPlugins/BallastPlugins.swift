// Every technique in one import.
@_exported public import Ballast
@_exported public import BallastDecoupledDecay
@_exported public import BallastDropout
@_exported public import BallastEarlyStopping
@_exported public import BallastL2
