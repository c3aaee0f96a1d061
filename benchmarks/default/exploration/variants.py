import sys
from pretraining import *
from shares import scoreq, cen
def go(tag,inp=None,**kw):
    Z,ZU=pre(inp or Inp(0.3,0.2),tag,**{'parts':'c',**kw}); X,XU=cen(Z,ZU)
    for C in (.3,3):
        a,f=scoreq(X,C); print(f'    {tag} C{C} AUC {a:.3f} F1q',np.round(f,3),flush=True)
R=[('c1',dict(seed=1)),('c2',dict(seed=2)),('cs1',dict(seed=1,aug=dict(strain=0.06,jit=0.5,drop=0.5))),('cs2',dict(seed=2,aug=dict(strain=0.06,jit=0.5,drop=0.5))),
('c6_1',dict(seed=1,inp=Inp(.6,.2))),('c6_2',dict(seed=2,inp=Inp(.6,.2))),
('one1',dict(seed=1,hid=(512,))),('one2',dict(seed=2,hid=(512,))),
('p25_1',dict(seed=1,inp=Inp(.3,.2,.25))),('p25_2',dict(seed=2,inp=Inp(.3,.2,.25))),
('ep60_1',dict(seed=1,epochs=50)),
('conv1',dict(seed=1,body=conv,epochs=8)),('conv2',dict(seed=2,body=conv,epochs=8)),
('three1',dict(seed=1,hid=(512,256,128))),('narrow1',dict(seed=1,hid=(512,64))),('narrow2',dict(seed=2,hid=(512,64)))]
for tag,kw in R: go(tag,**kw)
