from lab import *
import sys
sys.argv=['x']
from pretraining import pre
def get(tag,**kw):
    if os.path.exists(f'Z_{tag}.npz'): d=np.load(f'Z_{tag}.npz'); return d['Z'],d['ZU']
    return pre(kw.pop('inp',None) or Inp(.3,.2),tag,**{'parts':'c',**kw})
Xs=[]
for s in range(4):
    Z,ZU=get(f'cs{s}',seed=s,aug=dict(strain=.06,jit=.5,drop=.5)); X,_=std(Z,ZU); Xs.append(X)
    for nm,dr in (('prototype draws',DP),('program draws',DR)):
        for C in (.3,3.): say(f'cs{s} {nm} C{C}',evaluate(logit(X,C),dr))
for nm,dr in (('prototype draws',DP),('program draws',DR)):
    X=np.concatenate(Xs,1)/2
    for C in (.3,3.): say(f'all four {nm} C{C}',evaluate(logit(X,C),dr))
