// Every technique in one import.
@_exported public import Ballast
@_exported public import BallastBatchNorm
@_exported public import BallastDataAugmentation
@_exported public import BallastDecoupledDecay
@_exported public import BallastDropout
@_exported public import BallastEarlyStopping
@_exported public import BallastElasticNet
@_exported public import BallastGroupNorm
@_exported public import BallastInstanceNorm
@_exported public import BallastL1
@_exported public import BallastL2
@_exported public import BallastLayerNorm
@_exported public import BallastProximalL1
@_exported public import BallastRMSNorm
@_exported public import BallastReduceOnPlateau
