from lab import *
# raw blurred sqrt inputs in several blurs; LP-corrected etc.
for nm,dr in (('DR',DR),('DU',DU)):
  for sg in (.3,1.,2.):
    Z=Inp(sg,.2)(Lcsr,np.arange(len(y))).numpy(); ZU=Inp(sg,.2)(Ucsr,np.arange(len(UI))).numpy()
    X,_=std(Z,ZU)
    for C in (.3,3): say(f'sqrt blur {sg} {nm} C{C}',evaluate(logit(X,C),dr))
